import type { Sql } from '../../contracts/database.ts'
import { enqueueJobs, enqueueUnique } from '../../ledger/jobs/enqueue-jobs.ts'
import type { OutgoingJob, PlainJob, UniqueJob } from '../message/outgoing.ts'

/** Writes the jobs of a commit. Resolves to those that are new: one that is unique may have been joined. */
export async function storeJobs(
  ledger: Sql,
  jobs: readonly OutgoingJob[],
  instance: string,
): Promise<readonly OutgoingJob[]> {
  const plain = jobs.filter((one): one is PlainJob => one.unique === null)
  const unique = jobs.filter((one): one is UniqueJob => one.unique !== null)
  if (plain.length > 0)
    await enqueueJobs(
      ledger,
      plain.map(({ job }) => job),
      instance,
    )
  const found: OutgoingJob[] = [...plain, ...unique.filter(({ isStored }) => isStored)]
  // In one order for everybody, so that two commits which want the same keys do not wait for each other.
  for (const one of unique.filter(({ isStored }) => !isStored).sort(byKey)) {
    const { joined } = await enqueueUnique(ledger, one.job, one.unique, instance)
    if (!joined) found.push(one)
  }
  return found
}

const byKey = (a: UniqueJob, b: UniqueJob): number => (keyOf(a) < keyOf(b) ? -1 : 1)
const keyOf = ({ job }: UniqueJob): string => `${job.type} ${job.uniqueKey}`
