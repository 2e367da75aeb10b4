/** A member in a process of its own: polls without end, tells what it holds and reads, commits what it is told to. */
import { kafkaLog } from '../../../src/kafka/kafka-log.ts'
import { take, texts } from '../../../src/testing/conformance/log-scene.ts'

export type Told =
  | { readonly holds: readonly number[] }
  | { readonly read: readonly string[] }
  | { readonly committed: string }

const [broker = '', group = '', topic = ''] = process.argv.slice(2)
const tell = (news: Told): void => {
  process.send?.(news)
}
const log = kafkaLog({ brokers: [broker], sessionTimeoutMs: 2000, heartbeatMs: 100 })
const cursor = await log.open(group, [topic])
process.on('message', ({ commit, offset }: { commit: number; offset: number }) => {
  cursor.commit([{ topic, partition: commit, offset }]).then(
    () => tell({ committed: 'yes' }),
    (error) => tell({ committed: error.code }),
  )
})
for (let before = ''; ; ) {
  const entries = await take(cursor)
  const holds = cursor
    .assignment()
    .map(({ partition }) => partition)
    .sort()
  if (before !== holds.join()) tell({ holds })
  before = holds.join()
  if (entries.length > 0) tell({ read: texts(entries) })
}
