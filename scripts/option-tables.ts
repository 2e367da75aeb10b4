/** Every table of options of the library, as docs/options.md lists them and as the test of all options walks them. */
import { callTime } from '../packages/firebreak/src/contracts/call-time.ts'
import type { Option } from '../packages/firebreak/src/contracts/option.ts'
import { topicOptions } from '../packages/firebreak/src/contracts/topic-options.ts'
import { callOptions } from '../packages/firebreak/src/define/call.ts'
import { eventOptions } from '../packages/firebreak/src/define/event.ts'
import { handlerOptions } from '../packages/firebreak/src/define/handle.ts'
import { jobOptions, rateOptions, uniqueOptions } from '../packages/firebreak/src/define/job.ts'
import { scheduleOptions } from '../packages/firebreak/src/define/schedule.ts'
import { serviceOptions } from '../packages/firebreak/src/define/service.ts'
import { topicSettings } from '../packages/firebreak/src/define/topic.ts'
import { admissionOptions, codelOptions } from '../packages/firebreak/src/gateway/admission.ts'
import { gatewayOptions } from '../packages/firebreak/src/gateway/jobs/gateway.ts'
import { acceptOptions } from '../packages/firebreak/src/gateway/jobs/routes.ts'
import { kafkaFetchOptions, kafkaOptions } from '../packages/firebreak/src/kafka/cluster/kafka-options.ts'
import {
  blockedFilterOptions,
  jobFilterOptions,
  letterFilterOptions,
} from '../packages/firebreak/src/ledger/list-options.ts'
import { isolatedOptions } from '../packages/firebreak/src/node/isolated/isolated.ts'
import {
  aimdOptions,
  backoffOptions,
  breakerOptions,
  bulkheadOptions,
  hedgeOptions,
  plainLimitOptions,
  policyOptions,
  ratioBudgetOptions,
  tokenBudgetOptions,
} from '../packages/firebreak/src/policy/definition/policy-options.ts'
import { retryOptions } from '../packages/firebreak/src/policy/definition/retry.ts'
import { postgresAddressOptions, postgresOptions } from '../packages/firebreak/src/postgres/connection-settings.ts'
import { callerOptions } from '../packages/firebreak/src/runtime/calls/caller.ts'
import { limitOptions, stopOptions } from '../packages/firebreak/src/runtime/instance/limits.ts'
import { runtimeOptions, startOptions } from '../packages/firebreak/src/runtime/instance/runtime-options.ts'
import { enqueueOptions } from '../packages/firebreak/src/runtime/message/job-maker.ts'
import { sqliteDatabaseOptions } from '../packages/firebreak/src/sqlite/database/sqlite-database.ts'
import { sqliteLogOptions } from '../packages/firebreak/src/sqlite/sqlite-log.ts'
import { faultOptions } from '../packages/firebreak/src/testing/faults.ts'
import { hostilityOptions } from '../packages/firebreak/src/testing/hostile/hostile.ts'
import { memoryLogOptions } from '../packages/firebreak/src/testing/memory-log/memory-log.ts'
import { startStopOptions } from '../packages/firebreak/src/testing/start-stop.ts'
import { testRuntimeOptions } from '../packages/firebreak/src/testing/test-runtime.ts'

export interface OptionArea {
  /** Where the options are given, as code. */
  readonly place: string
  /** The interfaces whose members they are. */
  readonly shapes: readonly string[]
  readonly table: Readonly<Record<string, Option>>
}

const area = (place: string, shapes: string, table: object): OptionArea => ({
  place,
  shapes: shapes.split(' '),
  table: table as OptionArea['table'],
})

export const optionAreas: readonly OptionArea[] = [
  area('event({ … })', 'EventSpec', eventOptions),
  area('topic(name, { … })', 'TopicSettings', topicSettings),
  area('job({ … })', 'JobSpec', jobOptions),
  area('job({ rate: { … } })', 'Rate', rateOptions),
  area('job({ unique: { … } })', 'Unique', uniqueOptions),
  area('tx.enqueue(job, input, { … })', 'EnqueueOptions', enqueueOptions),
  area('isolated(module, { … })', 'IsolatedOptions', isolatedOptions),
  area('schedule(name, { … })', 'ScheduleSpec', scheduleOptions),
  area('log.ensureTopics([{ … }])', 'TopicSpec', topicOptions),
  area('handle(event, run, { … })', 'HandlerOptions', handlerOptions),
  area('handle(event, run, { retry: { … } })', 'RetryPolicy Backoff', retryOptions),
  area('service({ … })', 'ServiceSpec', serviceOptions),
  area('createRuntime({ … })', 'RuntimeOptions', runtimeOptions),
  area('createRuntime({ limits: { … } })', 'Limits', limitOptions),
  area('createRuntime({ startFrom: { … } })', 'StartFrom', startOptions),
  area('runtime.stop({ … })', 'Runtime RunningServices', stopOptions),
  area('runtime.deadLetters.list({ … })', 'DeadLetterPage', letterFilterOptions),
  area('runtime.jobs.list({ … })', 'JobPage', jobFilterOptions),
  area('runtime.outbox.list({ … })', 'BlockedPage', blockedFilterOptions),
  area('call({ … })', 'CallSpec', callOptions),
  area('caller.call(call, request, { … })', 'CallOptions', { deadlineMs: callTime }),
  area('createCaller({ … })', 'CallerOptions', callerOptions),
  area('policy({ … })', 'PolicySpec Policy', policyOptions),
  area('policy({ backoff: { … } })', 'Backoff', backoffOptions),
  area("policy({ budget: { kind: 'ratio', … } })", 'BudgetSpec', ratioBudgetOptions),
  area("policy({ budget: { kind: 'tokens', … } })", 'BudgetSpec', tokenBudgetOptions),
  area('policy({ breaker: { … } })', 'BreakerSpec', breakerOptions),
  area('policy({ bulkhead: { … } })', 'BulkheadSpec', bulkheadOptions),
  area("policy({ limit: { kind: 'vegas' or 'gradient2', … } })", 'LimitSpec', plainLimitOptions),
  area("policy({ limit: { kind: 'aimd', … } })", 'LimitSpec', aimdOptions),
  area('policy({ hedge: { … } })', 'HedgeSpec', hedgeOptions),
  area('sqliteLog({ … })', 'SqliteLogOptions', sqliteLogOptions),
  area('sqliteDatabase({ … })', 'SqliteDatabaseOptions', sqliteDatabaseOptions),
  area('postgresDatabase({ … })', 'PostgresDatabaseOptions', postgresOptions),
  area('postgresDatabase({ address: { … } })', 'PostgresAddress', postgresAddressOptions),
  area('kafkaLog({ … })', 'KafkaOptions', kafkaOptions),
  area('kafkaLog({ fetch: { … } })', 'KafkaOptions', kafkaFetchOptions),
  area('createAdmission({ … })', 'AdmissionOptions', admissionOptions),
  area('createAdmission({ codel: { … } })', 'CodelSpec', codelOptions),
  area('createGateway({ … })', 'GatewayOptions', gatewayOptions),
  area('accept(route, job, { … })', 'AcceptOptions', acceptOptions),
  area('createTestRuntime({ … })', 'TestRuntimeOptions', testRuntimeOptions),
  area('memoryLog({ … })', 'MemoryLogOptions', memoryLogOptions),
  area('new Faults({ … })', 'FaultRates', faultOptions),
  area('new Hostility({ … })', 'HostilityOptions', hostilityOptions),
  area('startStopStress({ … })', 'StartStopOptions', startStopOptions),
]
