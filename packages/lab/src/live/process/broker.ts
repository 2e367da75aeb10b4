import { openLog } from './log.ts'
import type { ProcessRole } from './process-role.ts'
import { emptyReport, type Setup } from './protocol.ts'

/** Owns the embedded log from its first moment to its last, so that no other process spends its time on it. */
export async function openBroker({ place }: Setup): Promise<ProcessRole> {
  const log = await openLog(place)
  await log.ensureTopics([])
  return {
    port: null,
    connect: async () => undefined,
    start: () => undefined,
    status: () => ({ open: 0, published: 0, settled: 0 }),
    report: () => emptyReport,
    stop: () => log.close(),
  }
}
