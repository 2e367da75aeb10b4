import { type Handler, handle, type JobContext, type JobHandler, job, permanent, throttled } from 'firebreak'
import { z } from 'zod'

const schema = z.object({ uid: z.string(), key: z.string(), mood: z.string() })

/** What a job does at its first attempts, beside its effect. */
export const moods = ['good', 'good', 'good', 'good', 'slow', 'once', 'busy', 'child', 'doomed'] as const

export const Plain = job({ type: 'plain', schema })
/** One after the other per key. */
export const Keyed = job({ type: 'keyed', schema, key: 'key' })
/** One live job per key, whatever else is in it. */
export const Unique = job({ type: 'unique', schema: z.object({ key: z.string() }), unique: 'live' })
export const Limited = job({ type: 'limited', schema, concurrency: 3 })

/** In the order of their numbers what has become durable: a job was asked for, or has had its effect. */
export const createJobTables = [
  'CREATE TABLE asked (uid TEXT PRIMARY KEY, seq BIGINT NOT NULL, type TEXT NOT NULL, item TEXT NOT NULL, job_id TEXT NOT NULL, joined BIGINT NOT NULL)',
  'CREATE TABLE effects (job_id TEXT NOT NULL, seq BIGINT NOT NULL, type TEXT NOT NULL, item TEXT NOT NULL)',
  'CREATE TABLE numbers (name TEXT PRIMARY KEY, value BIGINT NOT NULL)',
  "INSERT INTO numbers VALUES ('seq', 0)",
] as const

/** Drawn under a lock that lasts until the commit: the order of numbers is the order of commits. */
export const nextNumber = "UPDATE numbers SET value = value + 1 WHERE name = 'seq' RETURNING value"

interface Told {
  readonly handled: () => void
}

type Input = z.infer<typeof schema>

async function effect(ctx: JobContext, type: string, item: string): Promise<void> {
  await ctx.transaction(async (tx) => {
    const [row] = await tx.query<{ value: number }>(nextNumber)
    await tx.query('INSERT INTO effects VALUES ($1, $2, $3, $4)', [ctx.envelope.id, row?.value ?? 0, type, item])
  })
}

async function run(type: string, { uid, key, mood }: Input, ctx: JobContext, told: Told): Promise<void> {
  if (mood === 'doomed') throw permanent('this job can never succeed')
  // Long enough that a process which is killed or frozen holds some.
  if (mood === 'slow') await new Promise((resolve) => setTimeout(resolve, 1500))
  if (mood === 'once' && ctx.attempt === 1) throw new Error('not at the first attempt')
  // A throttled attempt is not counted, so this goes by the time.
  if (mood === 'busy' && Date.now() - Date.parse(ctx.envelope.time) < 300) throw throttled(50)
  if (mood === 'child') ctx.enqueue(Plain, { uid: `${uid}/child`, key, mood: 'good' })
  await effect(ctx, type, key)
  told.handled()
}

const retry = { attemptsMax: 50, baseMs: 20, capMs: 200 }

/** Handlers of all kinds; `told.handled` is called behind each effect. */
export function jobHandlers(told: Told): readonly (Handler | JobHandler)[] {
  return [
    handle(Plain, (input, ctx) => run('plain', input, ctx, told), { retry }),
    handle(Keyed, (input, ctx) => run('keyed', input, ctx, told), { retry }),
    handle(Limited, (input, ctx) => run('limited', input, ctx, told), { retry }),
    handle(
      Unique,
      async ({ key }, ctx) => {
        await effect(ctx, 'unique', key)
        told.handled()
      },
      { retry },
    ),
  ]
}
