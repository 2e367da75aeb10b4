import type { Clock } from '../contracts/clock.ts'
import type { Entropy } from '../contracts/entropy.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { AnyEvent } from '../contracts/event.ts'
import type { LogRecord } from '../contracts/log.ts'
import { fieldOf } from '../contracts/text-of.ts'
import type { ServiceDefinition } from '../define/service.ts'
import { toRfc3339 } from '../node/clock.ts'
import { check, jsonOf, keyOf } from './contract.ts'
import { type Cause, childTrace, headersOf } from './envelope-codec.ts'
import { recordSize } from './record-size.ts'
import type { TopicSettings } from './topic-settings.ts'

const encoder = new TextEncoder()

/** The largest payload that a service allows, and what its topics take. */
export interface Sizes {
  readonly payload: number
  readonly topics: Pick<TopicSettings, 'recordBytesMax' | 'askAgain'>
}

/** Turns payloads into records: declared, validated, bounded in size, wrapped in an envelope. */
export class Publisher {
  readonly #service: ServiceDefinition
  readonly #clock: Clock
  readonly #entropy: Entropy
  readonly #bytesMax: Sizes
  #time = { ms: 0, text: '' }

  constructor(service: ServiceDefinition, deps: { clock: Clock; entropy: Entropy }, bytesMax: Sizes) {
    this.#service = service
    this.#clock = deps.clock
    this.#entropy = deps.entropy
    this.#bytesMax = bytesMax
  }

  /**
   * Returns the record, or a promise of it when the schema validates asynchronously.
   *
   * **Errors** `FB_NOT_PUBLISHABLE`, `FB_CONTRACT_VIOLATED`, `FB_RECORD_TOO_LARGE`.
   */
  record(event: AnyEvent, payload: unknown, cause: Cause | null): LogRecord | Promise<LogRecord> {
    if (!this.#service.publishes.has(event)) {
      throw new FirebreakError('FB_NOT_PUBLISHABLE', {
        service: this.#service.name,
        type: fieldOf(event, 'type'),
      })
    }
    const checked = check(event, payload)
    return checked instanceof Promise
      ? checked.then((value) => this.#wrap(event, value, cause))
      : this.#wrap(event, checked, cause)
  }

  #wrap(event: AnyEvent, payload: unknown, cause: Cause | null): LogRecord {
    const value = encoder.encode(jsonOf(event, payload))
    this.#refuseAbove(this.#bytesMax.payload, event, value.length)
    const id = this.#entropy.uuid()
    const headers = headersOf({
      id,
      source: `/${this.#service.name}`,
      type: event.type,
      time: this.#now(),
      schemaVersion: event.version,
      correlationId: cause?.correlationId ?? id,
      causationId: cause?.causationId ?? null,
      traceparent: childTrace(cause?.traceparent ?? null, this.#entropy),
    })
    const key = keyOf(event, payload)
    // No database could keep it, and the event would stand before its key for ever.
    if (key.includes('\0')) {
      const { type, version } = event
      throw new FirebreakError('FB_CONTRACT_VIOLATED', { type, version, issues: `${event.key}: has a character NUL` })
    }
    // What the log would refuse must not get into the outbox: it would stand before its key for ever.
    const { topics } = this.#bytesMax
    const recordMax = topics.recordBytesMax(event.topic)
    if (value.length > recordMax / 2) {
      const bytes = recordSize({ key, value, headers })
      // Somebody may have raised it: whoever comes later finds that out.
      if (bytes > recordMax) topics.askAgain()
      this.#refuseAbove(recordMax, event, bytes)
    }
    return { topic: event.topic, key, value, headers }
  }

  #refuseAbove(limit: number, event: AnyEvent, bytes: number): void {
    if (bytes > limit) throw new FirebreakError('FB_RECORD_TOO_LARGE', { type: event.type, bytes, limit })
  }

  // Formatting a date costs more than the rest of the envelope; thousands of events share a millisecond.
  #now(): string {
    const ms = this.#clock.now()
    if (ms !== this.#time.ms) this.#time = { ms, text: toRfc3339(ms) }
    return this.#time.text
  }
}
