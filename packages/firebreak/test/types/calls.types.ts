import { z } from 'zod'
import type { Context } from '../../src/contracts/context.ts'
import { call } from '../../src/define/call.ts'
import type { ServerContext } from '../../src/gateway/server-context.ts'
import type { Caller } from '../../src/runtime/calls/caller.ts'

// Checked by tsc, never run: every `@ts-expect-error` is a program that must not compile.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <T extends true>(_proof?: T): void => {}

const request: z.ZodObject<{ routeId: z.ZodString; stops: z.ZodDefault<z.ZodNumber> }> = z.object({
  routeId: z.string(),
  stops: z.number().default(1),
})
const response: z.ZodObject<{ at: z.ZodCodec<z.ZodString, z.ZodBigInt> }> = z.object({
  at: z.codec(z.string(), z.bigint(), { decode: (text) => BigInt(text), encode: (n) => String(n) }),
})
const Quote = call({ name: 'pricing.quote', to: 'pricing', method: 'GET', path: '/r/:routeId', request, response })
const Health = call({ name: 'pricing.health', to: 'pricing', method: 'GET', path: '/health' })

call({
  name: 'pricing.quote',
  to: 'pricing',
  method: 'GET',
  // @ts-expect-error a path that wants a field which the request does not have
  path: '/r/:lorryId',
  request,
})
call({
  name: 'pricing.quote',
  to: 'pricing',
  // @ts-expect-error no method of HTTP
  method: 'FETCH',
  path: '/',
})
call({
  name: 'pricing.quote',
  to: 'pricing',
  method: 'GET',
  path: '/r/:routeId',
  request,
  response,
  // @ts-expect-error a fallback that answers something else
  fallback: () => ({ at: 'text' }),
})

void (async (caller: Caller, ctx: Context, server: ServerContext): Promise<void> => {
  const quote = await caller.call(Quote, { routeId: 'r' }, server)
  holds<Same<typeof quote.at, bigint>>()
  const own = await ctx.call(Quote, { routeId: 'r', stops: 2 }, { priority: 'critical' })
  holds<Same<typeof own.at, bigint>>()
  const health = await caller.call(Health, {})
  holds<Same<typeof health, unknown>>()
  // @ts-expect-error a field is missing
  await ctx.call(Quote, {})
  // @ts-expect-error a handler's call has the key of its event
  await ctx.call(Quote, { routeId: 'r' }, { idempotencyKey: 'mine' })
})
