import './node/supported-node.ts'

export { type Around, aroundDatabase, aroundLog, type PortCall } from './testing/around.ts'
export {
  type ConformanceCase,
  type ConformanceReport,
  conformanceReport,
} from './testing/conformance/conformance.ts'
export { databaseConformance } from './testing/conformance/database-conformance.ts'
export type { DatabaseCase, DatabaseHarness } from './testing/conformance/database-scene.ts'
export { logConformance } from './testing/conformance/log-conformance.ts'
export type { LogCase, LogHarness } from './testing/conformance/log-scene.ts'
export { drawFaultRates, type FaultRates, Faults } from './testing/faults.ts'
export type { Act, ActGroup, Setting } from './testing/hostile/act.ts'
export { actsOn, drawAct, hostileActs } from './testing/hostile/acts.ts'
export { type Hostile, Hostility, type HostilityOptions } from './testing/hostile/hostile.ts'
export { type OddRecord, oddRecords } from './testing/hostile/odd-records.ts'
export { hostileTables } from './testing/hostile/tables.ts'
export { type MemoryLogOptions, memoryLog } from './testing/memory-log/memory-log.ts'
export { type MemoryLogStore, memoryLogStore } from './testing/memory-log/memory-log-store.ts'
export { type Startable, type StartStopOptions, startStopStress } from './testing/start-stop.ts'
export {
  createTestRuntime,
  type PublishedEvent,
  type TestRuntime,
  type TestRuntimeOptions,
} from './testing/test-runtime.ts'
export type { TestService } from './testing/test-service.ts'
export { seededEntropy } from './testing/virtual-time/seeded-entropy.ts'
export { type VirtualClock, virtualClock } from './testing/virtual-time/virtual-clock.ts'
