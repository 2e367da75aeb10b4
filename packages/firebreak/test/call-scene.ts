import { z } from 'zod'
import type { Fact } from '../src/contracts/journal.ts'
import { type CallDefinition, type CallSpec, call } from '../src/define/call.ts'
import type { Fetch } from '../src/node/fetch.ts'
import { type Caller, type CallerOptions, createCaller } from '../src/runtime/calls/caller.ts'
import { seededEntropy } from '../src/testing/virtual-time/seeded-entropy.ts'
import { type VirtualClock, virtualClock } from '../src/testing/virtual-time/virtual-clock.ts'

const request: z.ZodObject<{ routeId: z.ZodString; stops: z.ZodOptional<z.ZodNumber> }> = z.object({
  routeId: z.string(),
  stops: z.number().optional(),
})
const response: z.ZodObject<{ price: z.ZodNumber }> = z.object({ price: z.number() })
type QuoteCall = CallDefinition<typeof request, typeof response>
type QuoteSpec = CallSpec<typeof request, typeof response, '/routes/:routeId/quote'>

/** A call of pricing that changes nothing there; single parts replaced. */
export function quoteCall(changes: Partial<QuoteSpec> = {}): QuoteCall {
  return call({
    name: 'pricing.quote',
    to: 'pricing',
    method: 'GET',
    path: '/routes/:routeId/quote',
    request,
    response,
    ...changes,
  })
}

/** One request as it went out. */
export interface Sent {
  readonly url: string
  readonly method: string
  readonly headers: Headers
  readonly body: string | undefined
  readonly atMs: number
  readonly signal: AbortSignal
}

export interface CallScene {
  readonly clock: VirtualClock
  readonly caller: Caller
  readonly sent: Sent[]
  readonly facts: Fact[]
}

type Answering = (sent: Sent, count: number) => Response | Error | Promise<Response>

/** A caller in virtual time whose dependency answers as the test says; an error is a broken connection. */
export function callScene(answer: Answering, options: Partial<CallerOptions> = {}): CallScene {
  const clock = virtualClock(1_000_000)
  const sent: Sent[] = []
  const facts: Fact[] = []
  const fetch: Fetch = async (url, init) => {
    const one = sentOf(url, init, clock.now())
    sent.push(one)
    const result = answer(one, sent.length)
    if (result instanceof Error) throw result
    return result
  }
  const entropy = seededEntropy(7, clock)
  const endpoints = { pricing: 'http://pricing.test' }
  const caller = createCaller({ endpoints, clock, entropy, fetch, observe: (fact) => facts.push(fact), ...options })
  return { clock, caller, sent, facts }
}

function sentOf(url: string, init: RequestInit, atMs: number): Sent {
  const body = typeof init.body === 'string' ? init.body : undefined
  const signal = init.signal ?? new AbortController().signal
  return { url, method: init.method ?? '', headers: new Headers(init.headers), body, atMs, signal }
}

export const json = (value: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(value), { status, headers })

/** What became of a promise, readable at any time. */
export interface Watched<T> {
  value?: T
  error?: unknown
  isOver: boolean
}

export function watch<T>(promise: Promise<T>): Watched<T> {
  const seen: Watched<T> = { isOver: false }
  promise.then(
    (value) => Object.assign(seen, { value, isOver: true }),
    (error) => Object.assign(seen, { error, isOver: true }),
  )
  return seen
}
