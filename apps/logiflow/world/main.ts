import { randomInt } from 'node:crypto'
import type { RouteCalculated } from '../contracts/payloads.ts'
import { mulberry32 } from '../domain/values/random.ts'
import { instantAtMs } from '../domain/values/time.ts'
import { runChild } from '../platform/child.ts'
import { after, every, newId, nowMs } from '../platform/machine.ts'
import type { OpsSnapshot } from '../platform/messages.ts'
import { type SimClock, simNowMs } from '../platform/sim-clock.ts'
import { nextRequest } from './customers.ts'
import { drive, isOver, stopGeo, type Trip, tripOf } from './drive.ts'

const STEP_MS = 2_000
const FIRST_ORDERS = 14
const FIRST_ORDERS_EVERY_MS = 700
const ORDERS_EVERY_MS = 12_000
/** More open trips than this and customers wait before they order again. */
const TRIPS_MAX = 34
/** Sim time for which a world that was away makes up for missed scans. */
const LOOK_BACK_MS = 8 * 3_600_000
/** A route is dated before its commit, and another instance may date later and commit sooner. Commits take 5 s at most. */
const COMMITS_MAX_MS = 10_000

/** People, trucks and scanners outside of LogiFlow: they reach it over HTTP like anybody else, and try again later. */
class World {
  readonly #clock: SimClock
  readonly #random = mulberry32(randomInt(2 ** 31))
  readonly #trips = new Map<string, Trip>()
  readonly #ended = new Set<string>()
  #ports: ReadonlyMap<string, readonly number[]> = new Map()
  #turn = 0
  #sinceMs = 0
  #seq = nowMs()
  #ordered = 0
  #timers: NodeJS.Timeout[] = []

  constructor(clock: SimClock) {
    this.#clock = clock
  }

  start(): void {
    this.#timers = [every(STEP_MS, () => void this.#step())]
    const order = (): void => {
      if (this.#trips.size < TRIPS_MAX) void this.#order()
      this.#timers[1] = after(this.#ordered < FIRST_ORDERS ? FIRST_ORDERS_EVERY_MS : ORDERS_EVERY_MS, order)
    }
    this.#timers[1] = after(FIRST_ORDERS_EVERY_MS, order)
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }

  knows(services: OpsSnapshot['services']): void {
    const up = services.filter(({ state }) => state === 'up')
    const byService = Map.groupBy(up, ({ service }) => service)
    this.#ports = new Map([...byService].map(([service, all]) => [service, all.flatMap(({ port }) => port ?? [])]))
  }

  /** Customers who all order at the same moment. */
  burst(orders: number): void {
    for (let ordered = 0; ordered < orders; ordered++) void this.#order()
  }

  async #order(): Promise<void> {
    const answer = await this.#send('portal', '/api/orders', nextRequest(this.#random), {
      'idempotency-key': newId(),
    })
    if (answer !== undefined) this.#ordered++
  }

  async #step(): Promise<void> {
    const nowMs = simNowMs(this.#clock)
    await this.#fetchRoutes(nowMs)
    const positions = []
    for (const trip of this.#underWay(nowMs)) {
      const seen = drive(trip, nowMs, ++this.#seq)
      positions.push(seen.position)
      if (seen.stopIndex > trip.stopsDone) void this.#scan(trip, nowMs)
    }
    if (positions.length > 0) await this.#send('tracking', '/positions', { positions })
  }

  /** One trip per truck: the earliest that is not over. */
  #underWay(nowMs: number): readonly Trip[] {
    const trucks = new Map<string, Trip>()
    for (const [routeId, trip] of this.#trips) {
      const { route } = trip.plan
      if (trip.stopsDone >= route.stops.length && isOver(trip, nowMs)) {
        this.#trips.delete(routeId)
        this.#ended.add(routeId)
      } else if (Date.parse(route.departAt) <= nowMs && !trucks.has(route.truckId)) trucks.set(route.truckId, trip)
    }
    return [...trucks.values()]
  }

  async #scan(trip: Trip, nowMs: number): Promise<void> {
    const stop = trip.plan.route.stops[trip.stopsDone]
    if (stop === undefined) return
    const scan = {
      ...{ shipmentId: stop.shipmentId, kind: stop.kind, at: instantAtMs(nowMs), geo: stopGeo(trip, trip.stopsDone) },
      receiverInitials: stop.kind === 'delivery' ? 'JVM' : '',
    }
    if ((await this.#send('tracking', '/scans', scan)) !== undefined) trip.stopsDone++
  }

  async #fetchRoutes(nowMs: number): Promise<void> {
    const sinceMs = Math.max(0, this.#sinceMs - COMMITS_MAX_MS)
    const query = new URLSearchParams({ sinceMs: String(sinceMs), freeAfter: instantAtMs(nowMs - LOOK_BACK_MS) })
    const fresh = (await this.#send('routing', `/routes?${query}`)) as
      | readonly { readonly atMs: number; readonly route: RouteCalculated }[]
      | undefined
    for (const { atMs, route } of fresh ?? []) {
      this.#sinceMs = Math.max(this.#sinceMs, atMs)
      if (this.#trips.has(route.routeId) || this.#ended.has(route.routeId)) continue
      this.#trips.set(route.routeId, tripOf(route))
    }
  }

  /** Undefined when it did not work; the caller tries again with the next step. */
  async #send(
    service: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<unknown> {
    // Whichever instance has its turn: they share everything.
    const ports = this.#ports.get(service) ?? []
    const port = ports[this.#turn++ % ports.length]
    if (port === undefined) return undefined
    try {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        signal: AbortSignal.timeout(3_000),
        ...(body === undefined
          ? {}
          : {
              method: 'POST',
              body: JSON.stringify(body),
              headers: { 'content-type': 'application/json', ...headers },
            }),
      })
      const json: unknown = await answer.json()
      return answer.ok ? json : undefined
    } catch {
      return undefined
    }
  }
}

await runChild(async ({ clock }) => {
  const world = new World(clock)
  world.start()
  return {
    stop: async () => world.stop(),
    onOps: ({ services }) => world.knows(services),
    onBurst: (orders) => world.burst(orders),
  }
})
