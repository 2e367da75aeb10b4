import { PlacedDraws, randomStream, seedFor } from '../math/random-streams.ts'
import type { Arrivals, Traffic } from '../model/scenario.ts'
import { openArrivals } from './arrivals.ts'
import { sample } from './distributions.ts'
import type { Entry } from './parts.ts'
import { Request, type RequestContext } from './request.ts'
import { type Due, toUs } from './virtual-time.ts'
import { Visit } from './visit.ts'

export interface SourceOptions {
  readonly traffic: Traffic
  readonly entry: Entry
  /** Attempts that one request takes if nothing fails. */
  readonly needs: number
  readonly context: RequestContext
  /** No request comes at or after it. */
  readonly untilMs: number
  /** Of this source in this replication. */
  readonly seed: number
}

/** Starts one stream of requests from outside. All that it draws is tied to the number of a request. */
export function startSource(options: SourceOptions): void {
  const { arrivals } = options.traffic
  const source = new Source(options)
  if (arrivals.kind === 'closed') {
    for (let client = 0; client < arrivals.clients; client++) new Client(source, arrivals, client).wait()
  } else new OpenSource(source, options, arrivals).wait()
}

/** Makes requests and sends them in. */
class Source {
  readonly context: RequestContext
  readonly untilUs: number
  readonly draws = new PlacedDraws()
  readonly seed: number
  readonly #traffic: Traffic
  readonly #entry: Entry
  readonly #needs: number
  readonly #salt: number
  readonly #traits: number

  constructor({ traffic, entry, needs, context, untilMs, seed }: SourceOptions) {
    this.#traffic = traffic
    this.#entry = entry
    this.#needs = needs
    this.context = context
    this.untilUs = toUs(untilMs)
    this.seed = seed
    this.#salt = seedFor(seed, 'salt')
    this.#traits = seedFor(seed, 'traits')
  }

  send(n: number, onAnswer?: () => void): void {
    const { critical, keys } = this.#traffic
    const { uniform } = this.draws.seek(this.#traits, n, 0)
    const draw = {
      n,
      salt: this.#salt,
      critical: uniform() < critical,
      needs: this.#needs,
      key: keys === 0 ? n : Math.floor(uniform() * keys),
    }
    const request = new Request(this.context, draw, onAnswer)
    this.#entry.arrive(new Visit(request, this.#entry.index, request, Number.POSITIVE_INFINITY))
  }
}

class OpenSource implements Due {
  ticket = 0
  readonly #source: Source
  readonly #nextMs: () => number
  #n = 0

  constructor(source: Source, { untilMs, seed }: SourceOptions, arrivals: Exclude<Arrivals, { kind: 'closed' }>) {
    this.#source = source
    const [arriving, switching] = ['arrivals', 'states'].map((label) => randomStream(seedFor(seed, label)))
    this.#nextMs = openArrivals(arrivals, untilMs, arriving as () => number, switching as () => number)
  }

  wait(): void {
    const atMs = this.#nextMs()
    if (atMs === Number.POSITIVE_INFINITY) return
    // Two arrivals may round to one instant, and the last one up to the end.
    const atUs = Math.min(toUs(atMs), this.#source.untilUs - 1)
    this.#source.context.time.at(Math.max(atUs, this.#source.context.time.nowUs), this)
  }

  fire(): void {
    const n = this.#n++
    this.wait()
    this.#source.send(n)
  }
}

/** Asks, waits for the answer, thinks, and asks again. */
class Client implements Due {
  ticket = 0
  readonly #source: Source
  readonly #arrivals: Extract<Arrivals, { kind: 'closed' }>
  readonly #thinking: number
  #n: number

  constructor(source: Source, arrivals: Extract<Arrivals, { kind: 'closed' }>, client: number) {
    this.#source = source
    this.#arrivals = arrivals
    this.#n = client
    this.#thinking = seedFor(source.seed, 'thinking')
  }

  readonly wait = (): void => {
    const { time } = this.#source.context
    const { uniform } = this.#source.draws.seek(this.#thinking, this.#n, 0)
    const atUs = time.nowUs + toUs(sample(this.#arrivals.think, uniform))
    if (atUs < this.#source.untilUs) time.at(atUs, this)
  }

  fire(): void {
    const n = this.#n
    this.#n += this.#arrivals.clients
    this.#source.send(n, this.wait)
  }
}
