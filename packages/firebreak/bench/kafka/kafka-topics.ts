import { randomBytes } from 'node:crypto'
import { Admin } from '@platformatic/kafka'
import { partitions, replicas } from '../common/settings.ts'

/** A name of this run's own: a bench never touches what others have on the broker. */
export const ownName = (what: string): string => `fb-bench-${what}-${randomBytes(4).toString('hex')}`

/** Topics for one measurement, removed afterwards. */
export async function inTopics<T>(
  brokers: readonly string[],
  topics: readonly string[],
  run: () => Promise<T>,
): Promise<T> {
  const admin = new Admin({ clientId: 'fb-bench', bootstrapBrokers: [...brokers] })
  try {
    await admin.createTopics({ topics: [...topics], partitions, replicas })
    return await run()
  } finally {
    await admin.deleteTopics({ topics: [...topics] }).catch(() => undefined)
    await admin.close()
  }
}

/** Removes the consumer groups that a measurement has left. */
export async function dropGroups(brokers: readonly string[], groups: readonly string[]): Promise<void> {
  const admin = new Admin({ clientId: 'fb-bench', bootstrapBrokers: [...brokers] })
  await admin.deleteGroups({ groups: [...groups] }).catch(() => undefined)
  await admin.close()
}
