/** Enqueues jobs and runs them, in one process of several on one database. */
import { createRuntime, isFirebreakError, type Runtime, service } from 'firebreak'
import { memoryLog } from 'firebreak/testing'
import { type Random, seeded } from '../history/random.ts'
import { type ChildPlace, type Command, runChild, tell, type Work } from '../process/child.ts'
import { openDatabase } from '../process/engines.ts'
import { jobHandlers, Keyed, Limited, moods, nextNumber, Plain, Unique } from './job-kinds.ts'

const keys = 12
const pauseMs = 4
const nothing: Asked = { uids: [], ids: [] }

interface Asked {
  readonly uids: readonly string[]
  readonly ids: readonly string[]
}

/** One transaction: a few jobs, and in the same commit that they were asked for. */
async function ask(runtime: Runtime, random: Random, name: string): Promise<Asked> {
  const wishes = Array.from({ length: 1 + random.below(3) }, (_, i) => ({
    uid: `${name}.${i}`,
    key: `k${random.below(keys)}`,
    mood: moods[random.below(moods.length)] ?? 'good',
    kind: random.below(5),
    afterMs: random.chance(0.2) ? random.below(500) : 0,
  }))
  const ids = await runtime.transaction(async (tx) => {
    const made: string[] = []
    for (const { uid, key, mood, kind, afterMs } of wishes) {
      const input = { uid, key, mood }
      const found =
        kind === 0
          ? await tx.enqueue(Unique, { key }, { afterMs })
          : await tx.enqueue(kind === 1 ? Limited : kind === 2 ? Plain : Keyed, input, { afterMs })
      const type = kind === 0 ? 'unique' : kind === 1 ? 'limited' : kind === 2 ? 'plain' : 'keyed'
      // Behind what waits for others: a number is drawn under a lock.
      const [row] = await tx.query<{ value: number }>(nextNumber)
      const values = [uid, row?.value ?? 0, type, key, found.id, found.joined ? 1 : 0]
      await tx.query('INSERT INTO asked VALUES ($1, $2, $3, $4, $5, $6)', values)
      made.push(found.id)
    }
    return made
  })
  return { uids: wishes.map(({ uid }) => uid), ids }
}

/** One that has ended meanwhile, or whose database does not answer, stays as it is. */
async function cancel(runtime: Runtime, id: string): Promise<void> {
  await runtime.jobs.cancel(id, { by: 'the torture', note: 'at a random moment' }).catch((error) => {
    if (!isFirebreakError(error)) throw error
  })
}

async function start({ slot, generation, seed, pace, spec }: ChildPlace): Promise<Work> {
  const database = await openDatabase(spec, 'first')
  // Jobs need no log: it is only there because a runtime has one.
  const log = memoryLog()
  let handled = 0
  const handlers = jobHandlers({ handled: () => void handled++ })
  const runtime = createRuntime({
    service: service({ name: 'jobs', handlers }),
    log,
    database,
    limits: { jobsMax: 20 },
    observe: (fact) => void (fact.kind === 'halted' && process.stderr.write(`halted: ${fact.error}\n`)),
  })
  await runtime.start()
  const random = seeded(seed * 7919 + generation * 31 + slot.length)
  let isQuiet = false
  const asking = (async () => {
    for (let n = 0; !isQuiet; n++) {
      const { uids, ids } = await ask(runtime, random, `${slot}.${generation}.${n}`).catch(() => nothing)
      tell({ acked: uids, handled })
      handled = 0
      const [first] = ids
      if (first !== undefined && random.chance(0.1)) await cancel(runtime, first)
      await new Promise((resolve) => setTimeout(resolve, pauseMs * pace * (1 + random.below(10))))
    }
  })()
  const reporting = setInterval(() => {
    if (handled > 0) tell({ handled })
    handled = 0
  }, 100)
  return {
    done: runtime.done,
    command: (command: Command) => {
      if (command.do === 'quiet') isQuiet = true
    },
    stop: async () => {
      isQuiet = true
      await asking
      clearInterval(reporting)
      await runtime.stop()
      await log.close()
      await database.close()
    },
  }
}

await runChild(start)
