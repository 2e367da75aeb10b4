import { type Handler, handle } from 'firebreak'
import type { BenchEvents } from './events.ts'
import { insertEffect } from './postgres-databases.ts'

/** Does nothing. */
export const emptyHandler = ({ Happened }: BenchEvents): Handler => handle(Happened, () => {})

/** Waits 5 ms: 100 at once over 1,000 keys, each key in order, have a ceiling of 20,000/s. */
export const waitingHandler = ({ Happened }: BenchEvents): Handler =>
  handle(Happened, () => new Promise<void>((resolve) => setTimeout(resolve, 5)))

/** Inbox mark, one row of the user's and one published event, in one unit of work. */
export const effectHandler = ({ Happened, Followed }: BenchEvents): Handler =>
  handle(Happened, async (payload, ctx) => {
    await ctx.transaction(async (sql) => {
      await sql.query(insertEffect, [payload.n, payload.id])
      ctx.publish(Followed, payload)
    })
  })
