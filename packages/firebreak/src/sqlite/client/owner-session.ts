/**
 * A client's line to the owner of the moment.
 *
 * I1 A request stays here until it is answered; after a change of owner all of them are sent again, in their order.
 *    They can be: appends carry producer and seq, everything else gives the same result twice.
 * I2 No request waits longer than `unansweredTicksMax` ticks.
 * I3 At most one attempt to connect is under way.
 */
import { type Clock, sleep, type Timer } from '../../contracts/clock.ts'
import type { Entropy } from '../../contracts/entropy.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { asLogError, fromWireError, type WireError } from '../file/log-errors.ts'
import { databasePath, logFiles } from '../file/log-files.ts'
import { frameId, frameType, jsonFrame, readJson, wire } from '../file/log-wire.ts'
import {
  becomeOwner,
  dialOwner,
  type OwnerThreadOptions,
  type OwnerTransport,
  type TransportEvents,
} from './owner-transport.ts'

export interface SessionOptions extends OwnerThreadOptions {
  readonly path: string
  readonly clock: Clock
  readonly entropy: Entropy
  readonly unavailableMs: number
}

export interface SessionEvents {
  /** A frame that answers no request. */
  frame(frame: Buffer): void
  /** What a new owner must hear before anything else. */
  rejoin(): readonly Buffer[]
  failed(error: FirebreakError): void
}

export interface OwnerSession {
  /** Resolves to the answer. */
  request(make: (id: number) => Buffer): Promise<Buffer>
  /** Sends if there is a line, forgets if not. */
  send(frame: Buffer): void
  /** Starts looking for an owner if none is there. */
  wake(): void
  close(last: Buffer): Promise<void>
}

interface Pending {
  readonly frame: Buffer
  readonly resolve: (answer: Buffer) => void
  readonly reject: (error: FirebreakError) => void
  ticks: number
}

const tickMs = 500

export function createSession(options: SessionOptions, events: SessionEvents): OwnerSession {
  return new Session(options, events)
}

class Session implements OwnerSession {
  readonly #options: SessionOptions
  readonly #events: SessionEvents
  readonly #pending = new Map<number, Pending>()
  #lastId = 0
  #transport: OwnerTransport | undefined
  #connecting: Promise<void> | undefined
  #ticker: Timer | undefined
  #sweeper: Timer | undefined
  #closed = false
  // Why the last attempt to connect failed.
  #lastFailure: FirebreakError | undefined
  readonly #transportEvents: TransportEvents = {
    frame: (frame) => this.#receive(frame),
    lost: () => {
      this.#transport = undefined
      this.#sweeper?.cancel()
      this.wake()
    },
  }

  constructor(options: SessionOptions, events: SessionEvents) {
    this.#options = options
    this.#events = events
  }

  #rejectAll(error: FirebreakError): void {
    const all = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject } of all) reject(error)
  }

  #tick(): void {
    this.#ticker = undefined
    for (const [id, request] of this.#pending) {
      if (++request.ticks * tickMs < this.#options.unavailableMs) continue
      this.#pending.delete(id)
      const reason = this.#lastFailure?.detail['reason'] ?? `no answer for ${this.#options.unavailableMs} ms`
      request.reject(
        new FirebreakError('FB_LOG_UNAVAILABLE', { path: databasePath(this.#options.path), reason }, this.#lastFailure),
      )
    }
    // Runs on while there is traffic: starting it for each request would cost more than the request.
    if (this.#pending.size > 0) this.#ticker = this.#options.clock.schedule(tickMs, () => this.#tick())
  }

  #receive(frame: Buffer): void {
    const id = frameId(frame)
    const request = this.#pending.get(id)
    if (request !== undefined) {
      this.#pending.delete(id)
      if (frameType(frame) === wire.failed) request.reject(fromWireError(readJson(frame) as WireError))
      else request.resolve(frame)
    } else if (frameType(frame) === wire.sweep) this.#sweepEvery(Number(readJson(frame)))
    else if (id === 0) this.#events.frame(frame)
  }

  #fail(error: FirebreakError): void {
    this.#rejectAll(error)
    this.#events.failed(error)
  }

  // Ages count on this process's clock, which the owner's thread does not have; that thread says how often.
  #sweepEvery(ms: number): void {
    this.#transport?.send(jsonFrame(wire.sweep, 0, this.#options.clock.monotonic()))
    this.#sweeper?.cancel()
    this.#sweeper = this.#options.clock.schedule(ms, () => this.#sweepEvery(ms))
  }

  async #connect(): Promise<void> {
    for (let attempt = 0; !this.#closed; attempt++) {
      try {
        const files = logFiles(this.#options.path)
        const found =
          (await dialOwner(files, this.#options.clock, this.#transportEvents)) ??
          (await becomeOwner(files, this.#options, this.#transportEvents))
        if (found !== undefined) return this.#connected(found)
      } catch (error) {
        const failure = asLogError(error, databasePath(this.#options.path))
        if (failure.code !== 'FB_LOG_UNAVAILABLE') return this.#fail(failure)
        this.#lastFailure = failure
      }
      // Uneven, so that two processes which got in each other's way do not do so again.
      await sleep(this.#options.clock, (attempt < 20 ? 5 : 50) * (1 + this.#options.entropy.random() * 2))
    }
  }

  #connected(found: OwnerTransport): void {
    this.#transport = found
    this.#lastFailure = undefined
    for (const frame of this.#events.rejoin()) found.send(frame)
    for (const { frame } of this.#pending.values()) found.send(frame)
  }

  wake(): void {
    if (this.#closed || this.#transport !== undefined || this.#connecting !== undefined) return
    this.#connecting = this.#connect().finally(() => {
      this.#connecting = undefined
    })
  }

  request(make: (id: number) => Buffer): Promise<Buffer> {
    this.#lastId = (this.#lastId % 0xfffffff0) + 1
    const id = this.#lastId
    const frame = make(id)
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { frame, resolve, reject, ticks: 0 })
      this.#ticker ??= this.#options.clock.schedule(tickMs, () => this.#tick())
      if (this.#transport === undefined) this.wake()
      else this.#transport.send(frame)
    })
  }

  send(frame: Buffer): void {
    this.#transport?.send(frame)
  }

  async close(last: Buffer): Promise<void> {
    this.#closed = true
    await this.#connecting
    this.#ticker?.cancel()
    this.#sweeper?.cancel()
    this.#transport?.send(last)
    await this.#transport?.close()
    this.#rejectAll(new FirebreakError('FB_CLOSED', { what: `log ${databasePath(this.#options.path)}` }))
  }
}
