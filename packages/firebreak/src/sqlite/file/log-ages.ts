import type { LogStore } from './log-store.ts'

// Ages are told apart by a sixteenth of what they are: a few hundred marks reach from a tenth of a second to years.
const grain = 16
const writeEveryMs = 60_000

/** Where the partitions ended when the log had been at work for `runMs`. */
interface Mark {
  readonly runMs: number
  readonly nexts: ReadonlyMap<number, number>
}

/**
 * How old the records are, by the time for which the log has had an owner, which counts on monotonic clocks. The dates of the
 * records come from the wall clocks of many processes, any of which may jump: they are for people, and nothing is deleted by
 * them.
 *
 * I1 A record is never taken for older than it is. Time without an owner does not count, nor does the last minute of one that
 *    died.
 */
export class LogAges {
  readonly #store: LogStore
  #marks: readonly Mark[]
  #atMs: number | undefined
  #writtenAtMs = Number.NEGATIVE_INFINITY

  constructor(store: LogStore) {
    this.#store = store
    const { db } = store
    const rows = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'ages'").get()
      ? db.prepare('SELECT run_ms, nexts FROM ages ORDER BY run_ms').all()
      : []
    this.#marks = rows.map((row) => ({
      runMs: Number(row['run_ms']),
      nexts: new Map(JSON.parse(String(row['nexts']))),
    }))
    const run = db.prepare("SELECT value FROM meta WHERE key = 'run_ms'").get()
    store.runMs = Math.max(Number(run?.['value'] ?? 0), this.#marks.at(-1)?.runMs ?? 0)
  }

  /** Time goes on. `nowMs` is on the monotonic scale of the caller, always the same one. */
  tick(nowMs: number): void {
    this.#store.runMs += Math.max(0, Math.floor(nowMs - (this.#atMs ?? nowMs)))
    this.#atMs = nowMs
    const nexts = new Map([...this.#store.partitions.values()].map(({ id, next }) => [id, next]))
    const last = this.#marks.at(-1)
    const isMoved = [...nexts].some(([id, next]) => next !== (last?.nexts.get(id) ?? 0))
    if (!isMoved && nowMs - this.#writtenAtMs < writeEveryMs) return
    const made = isMoved && last?.runMs !== this.#store.runMs ? [{ runMs: this.#store.runMs, nexts }] : []
    const kept = thinned([...this.#marks, ...made], this.#store.runMs, this.#retentionMaxMs)
    const dropped = this.#marks.filter((mark) => !kept.includes(mark))
    this.#marks = kept
    this.#writtenAtMs = nowMs
    try {
      this.#write(made, dropped)
    } catch {
      // A full disk, say: what is not written down is taken for younger by the next owner.
    }
  }

  /** The records of a partition below this offset have been there for `ageMs` or longer. */
  olderThan(partition: number, ageMs: number): number {
    return this.#marks.findLast(({ runMs }) => runMs <= this.#store.runMs - ageMs)?.nexts.get(partition) ?? 0
  }

  get #retentionMaxMs(): number {
    const finite = [...this.#store.partitions.values()].map(({ retentionMs }) => retentionMs).filter(Number.isFinite)
    return Math.max(0, ...finite)
  }

  #write(made: readonly Mark[], dropped: readonly Mark[]): void {
    const { db } = this.#store
    this.#store.transaction(() => {
      db.exec('CREATE TABLE IF NOT EXISTS ages (run_ms INTEGER PRIMARY KEY, nexts TEXT NOT NULL)')
      for (const { runMs } of dropped) db.prepare('DELETE FROM ages WHERE run_ms = ?').run(runMs)
      for (const { runMs, nexts } of made) db.prepare(insertMark).run(runMs, JSON.stringify([...nexts]))
      db.prepare(setRun).run(this.#store.runMs)
    })
  }
}

const insertMark = 'INSERT OR REPLACE INTO ages VALUES (?, ?)'
const setRun = "INSERT INTO meta VALUES ('run_ms', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"

/**
 * Leaves out marks whose neighbours are close to each other for their age, so that what lies between them is taken for a little
 * younger, and those behind the first one that is older than anything is kept.
 */
function thinned(marks: readonly Mark[], runMs: number, retentionMaxMs: number): readonly Mark[] {
  const kept: Mark[] = []
  for (let i = marks.length - 1; i >= 0; i--) {
    const [mark, older, younger] = [marks[i] as Mark, marks[i - 1], kept.at(-1)]
    const ageMs = runMs - mark.runMs
    const isBetween = older !== undefined && younger !== undefined && younger.runMs - older.runMs <= ageMs / grain
    if (!isBetween) kept.push(mark)
    if (ageMs > retentionMaxMs) break
  }
  return kept.toReversed()
}
