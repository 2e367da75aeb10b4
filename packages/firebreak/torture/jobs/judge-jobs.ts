import { type Database, type JobLedger, verifyLedger } from 'firebreak'

interface Asked {
  readonly uid: string
  readonly seq: number
  readonly type: string
  readonly item: string
  readonly job_id: string
  readonly joined: number
}
interface Effect {
  readonly job_id: string
  readonly seq: number
  readonly type: string
  readonly item: string
}

/** What a run with jobs has left behind. The last six are errors. */
export interface JobFigures {
  readonly enqueued: number
  readonly done: number
  readonly failed: number
  readonly cancelled: number
  /** Asked for and acknowledged, and neither done, failed nor cancelled. */
  readonly lost: number
  /** Effects of a job beyond its first. */
  readonly doubleEffects: number
  /** Of one key and one process: a job that was enqueued later and had its effect earlier. */
  readonly keyInversions: number
  /** Unique jobs that were enqueued while another one of the same payload lived. */
  readonly duplicateUnique: number
  /** Jobs that live although nothing holds them up. */
  readonly stuck: number
  readonly ledgerImbalance: number
}

export async function judgeJobs(
  database: Database,
  acked: ReadonlySet<string>,
): Promise<JobFigures & { readonly problems: readonly string[] }> {
  const asked = await database.query<Asked>('SELECT * FROM asked ORDER BY seq')
  const effects = await database.query<Effect>('SELECT * FROM effects ORDER BY seq')
  const ended = await endedOtherwise(database)
  const { imbalance, jobs, problems } = await verifyLedger(database)
  const had = Map.groupBy(effects, ({ job_id: id }) => id)
  const known = new Set(asked.map(({ uid }) => uid))
  const unacknowledged = [...acked].filter((uid) => !known.has(uid))
  const gone = asked.filter(({ job_id: id }) => !had.has(id) && !ended.has(id))
  const sum = (of: (ledger: JobLedger) => number): number => jobs.reduce((total, ledger) => total + of(ledger), 0)
  return {
    enqueued: sum((one) => one.enqueued),
    done: sum((one) => one.done),
    failed: sum((one) => one.failed),
    cancelled: sum((one) => one.cancelled),
    lost: unacknowledged.length + gone.length + Math.abs(sum((one) => one.done) - had.size),
    doubleEffects: effects.length - had.size,
    keyInversions: inversions(asked, effects),
    duplicateUnique: overlaps(asked, had),
    stuck: sum((one) => one.live),
    ledgerImbalance: imbalance,
    problems,
  }
}

/** Ids of the jobs that have a dead letter, live, or were cancelled: live ones are counted as stuck. */
async function endedOtherwise(database: Database): Promise<ReadonlySet<string>> {
  const { schema } = database.capabilities
  const place = schema === null ? '' : `"${schema}".`
  const rows = await database.query<{ id: string }>(
    `SELECT event_id AS id FROM ${place}fb_dead_letters UNION SELECT id FROM ${place}fb_jobs
     UNION SELECT id FROM ${place}fb_job_ends WHERE how <> 'done'`,
  )
  return new Set(rows.map(({ id }) => id))
}

/** Ids rise with each job that a process makes, and it enqueues one after the other. */
function inversions(asked: readonly Asked[], effects: readonly Effect[]): number {
  const processOf = new Map(asked.map(({ uid, job_id: id }) => [id, uid.split('.').slice(0, 2).join('.')]))
  const last = new Map<string, string>()
  let count = 0
  for (const { type, item, job_id: id } of effects) {
    if (type !== 'keyed') continue
    const line = `${item} ${processOf.get(id)}`
    if (id < (last.get(line) ?? '')) count++
    last.set(line, id)
  }
  return count
}

function overlaps(asked: readonly Asked[], had: ReadonlyMap<string, readonly Effect[]>): number {
  const before = new Map<string, string>()
  let count = 0
  for (const { type, item, seq, job_id: id, joined } of asked) {
    if (type !== 'unique' || joined === 1) continue
    const other = before.get(item)
    // When one that was cancelled has ended is not known.
    const endedAt = other === undefined ? 0 : (had.get(other)?.[0]?.seq ?? 0)
    if (endedAt > seq) count++
    before.set(item, id)
  }
  return count
}
