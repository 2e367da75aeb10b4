import type { Clock } from '../../contracts/clock.ts'
import type { Entropy } from '../../contracts/entropy.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyEvent, TombstoneKey } from '../../contracts/event.ts'
import type { LogRecord } from '../../contracts/log.ts'
import { fieldOf } from '../../contracts/text/text-of.ts'
import type { ServiceDefinition } from '../../define/service.ts'
import { toRfc3339 } from '../../node/clock.ts'
import { keyOf, refuseTombstone } from './contract.ts'
import { type Cause, childTrace, headersOf } from './envelope-codec.ts'
import type { PayloadWriter } from './payload-writer.ts'
import { recordSize } from './record-size.ts'
import type { TopicSettings } from './topic-settings.ts'

const encoder = new TextEncoder()
export interface PublishLimits {
  /** The key of a tombstone. */
  readonly at?: Partial<TombstoneKey> | undefined
  /** When the schema must be done, on the monotonic scale. */
  readonly endsAtMs?: number | undefined
}

/** The largest payload that a service allows, and what its topics take. */
export interface Sizes {
  readonly payload: number
  readonly topics: Pick<TopicSettings, 'recordBytesMax' | 'askAgain'>
}

/** What a publisher needs of its runtime. */
export interface PublisherDeps {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly writer: PayloadWriter
}

/** Turns payloads into records: declared, validated, bounded in size, wrapped in an envelope. */
export class Publisher {
  readonly #service: ServiceDefinition
  readonly #clock: Clock
  readonly #entropy: Entropy
  readonly #bytesMax: Sizes
  readonly #writer: PayloadWriter
  #time = { ms: 0, text: '' }

  constructor(service: ServiceDefinition, { clock, entropy, writer }: PublisherDeps, bytesMax: Sizes) {
    this.#service = service
    this.#clock = clock
    this.#entropy = entropy
    this.#writer = writer
    this.#bytesMax = bytesMax
  }

  /**
   * Returns the record, or a promise of it when the schema validates asynchronously, for which it has until `endsAtMs`.
   *
   * **Errors** `FB_NOT_PUBLISHABLE`, `FB_CONTRACT_VIOLATED`, `FB_RECORD_TOO_LARGE`, `FB_SCHEMA_TIMEOUT`.
   */
  record(
    event: AnyEvent,
    payload: unknown,
    cause: Cause | null,
    { at, endsAtMs }: PublishLimits = {},
  ): LogRecord | Promise<LogRecord> {
    if (!this.#service.publishes.has(event)) {
      throw new FirebreakError('FB_NOT_PUBLISHABLE', {
        service: this.#service.name,
        type: fieldOf(event, 'type'),
      })
    }
    if (payload === null) {
      refuseTombstone(event)
      return this.#wrap(event, { made: null, text: null }, cause, at)
    }
    const made = this.#writer.write(event, payload, endsAtMs)
    return made instanceof Promise
      ? made.then((one) => this.#wrap(event, one, cause, at))
      : this.#wrap(event, made, cause, at)
  }

  #wrap(
    event: AnyEvent,
    { made, text }: { readonly made: unknown; readonly text: string | null },
    cause: Cause | null,
    at: Partial<TombstoneKey> | undefined,
  ): LogRecord {
    const value = text === null ? null : encoder.encode(text)
    if (value !== null) this.#refuseAbove(this.#bytesMax.payload, event, value.length)
    const key = keyOf(event, made, at)
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
    // What the log would refuse must not get into the outbox: it would stand before its key forever.
    const { topics } = this.#bytesMax
    const recordMax = topics.recordBytesMax(event.topic)
    if (value === null || value.length > recordMax / 2) {
      const bytes = recordSize({ key, value, headers })
      // It may have been raised: the next one finds that out.
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
