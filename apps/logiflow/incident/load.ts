import type { DispatchRequest } from '../contracts/requests.ts'
import { nowMs, pause } from '../platform/machine.ts'
import { exchange } from '../rest/exchange.ts'
import type { Step } from './scenario.ts'

/** How long a user waits, and a dispatcher's terminal. */
const WAIT_MAX_MS = 5_000
const TERMINAL_RETRY_MS = [1_000, 2_000, 4_000]

export type Sample = {
  readonly kind: Step['kind']
  /** When it was meant to start, from the start of the night. */
  readonly atMs: number
  /** From when it was meant to start to the answer: waiting to be sent counts. */
  readonly tookMs: number
  readonly ok: boolean
}
export type Addresses = { readonly portal: string; readonly routing: string; readonly tracking: string }

/** Customers, trucks and dispatchers. Open loop: nobody waits for anybody else's answer before asking. */
export class Load {
  readonly samples: Sample[] = []
  /** Wall time of the first try per order. */
  readonly dispatchedAtMs: Map<string, number> = new Map()
  gaveUp: number = 0
  readonly #to: Addresses
  readonly #startMs: number
  readonly #open = new Set<Promise<void>>()

  constructor(to: Addresses, startMs: number) {
    this.#to = to
    this.#startMs = startMs
  }

  /** Resolves when the last step has been sent. */
  async play(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      const waitMs = this.#startMs + step.atMs - performance.now()
      if (waitMs > 1) await pause(waitMs)
      const running = this.#run(step)
      this.#open.add(running)
      running.finally(() => this.#open.delete(running))
    }
  }

  /** Waits for whatever is still asked. */
  async settled(): Promise<void> {
    await Promise.all(this.#open)
  }

  async #run(step: Step): Promise<void> {
    if (step.kind === 'view') await this.#try('view', step.atMs, `${this.#to.portal}/api/orders/${step.orderId}`)
    else if (step.kind === 'ping')
      await this.#try(
        'ping',
        step.atMs,
        `${this.#to.tracking}/positions`,
        JSON.stringify({ positions: [step.position] }),
      )
    else await this.#dispatch(step.dispatch, step.atMs)
  }

  async #dispatch(dispatch: DispatchRequest, atMs: number): Promise<void> {
    this.dispatchedAtMs.set(dispatch.order.orderId, nowMs())
    const body = JSON.stringify(dispatch)
    let triedAtMs = atMs
    for (const waitMs of [...TERMINAL_RETRY_MS, undefined]) {
      if (await this.#try('dispatch', triedAtMs, `${this.#to.routing}/dispatches`, body)) return
      if (waitMs === undefined) break
      await pause(waitMs)
      triedAtMs = performance.now() - this.#startMs
    }
    this.gaveUp++
  }

  async #try(kind: Step['kind'], atMs: number, url: string, body?: string): Promise<boolean> {
    const lateMs = Math.max(0, performance.now() - this.#startMs - atMs)
    const call = { url, timeoutMs: Math.max(1, WAIT_MAX_MS - lateMs) }
    const ok = await exchange(body === undefined ? { method: 'GET', ...call } : { method: 'POST', body, ...call }).then(
      ({ status }) => status < 400,
      () => false,
    )
    this.samples.push({ kind, atMs, ok, tookMs: performance.now() - this.#startMs - atMs })
    return ok
  }
}

/** Orders that are under way before the night begins, one after the other; then a moment of quiet. */
export const putOnTheRoad = async (earlier: readonly DispatchRequest[], to: Addresses): Promise<void> => {
  const timeoutMs = 30_000
  for (const dispatch of earlier)
    await exchange({ method: 'POST', url: `${to.routing}/dispatches`, body: JSON.stringify(dispatch), timeoutMs })
  const url = `${to.portal}/api/orders/${earlier.at(-1)?.order.orderId}`
  for (let tries = 0; tries < 200; tries++) {
    if ((await exchange({ method: 'GET', url, timeoutMs })).status === 200) break
    await pause(50)
  }
  await pause(3_000)
}
