import type { Clock } from '../../contracts/clock.ts'
import type { AnyMessage } from '../../contracts/message.ts'
import { inTime } from '../user-code/in-time.ts'
import { check } from './contract.ts'
import { readBack, writtenPayload } from './written-payload.ts'

/** Payloads of each type that are read back whatever their schema returned. */
const alwaysReadBack = 100
/** How long a schema may take outside of a handler. **Units** ms. */
const schemaMaxMs = 30_000

/** Which payloads are read back when they are written; see `RuntimeOptions`. */
export type ReadBack = 'always' | 'when-changed'

/** What a schema made of a payload, and the JSON of that. */
export interface MadePayload {
  readonly made: unknown
  readonly text: string
}

export interface WriterDeps {
  readonly clock: Clock
  readonly readBack: ReadBack
  /** The largest payload. */
  readonly bytesMax: number
}

/**
 * Turns payloads into JSON: validated, bounded in size.
 *
 * I1 A payload leaves only if its schema reads the same from its bytes. It is read back, unless its schema has changed no
 *    value, JSON carries all of it, and enough payloads of its type have been read back: only those show a schema that changes
 *    in place what it is given, and that what it adds or leaves out stays so.
 */
export class PayloadWriter {
  readonly #deps: WriterDeps
  /** How many of each type have been read back, up to `alwaysReadBack`. */
  readonly #known = new Map<AnyMessage, number>()

  constructor(deps: WriterDeps) {
    this.#deps = deps
  }

  /**
   * A promise when the schema validates asynchronously, for which it has until `endsAtMs`, on the monotonic scale.
   *
   * **Errors** `FB_CONTRACT_VIOLATED`, `FB_RECORD_TOO_LARGE`, `FB_SCHEMA_TIMEOUT`.
   */
  write(message: AnyMessage, given: unknown, endsAtMs?: number): MadePayload | Promise<MadePayload> {
    const checked = check(message, given)
    const made =
      checked instanceof Promise
        ? checked.then(({ value }) => this.#written(message, given, value))
        : this.#written(message, given, checked.value)
    if (!(made instanceof Promise)) return made
    const { clock } = this.#deps
    const deadlineMs = endsAtMs === undefined ? schemaMaxMs : Math.max(0, endsAtMs - clock.monotonic())
    return inTime({ clock, type: message.type, deadlineMs }, made)
  }

  #written(message: AnyMessage, given: unknown, made: unknown): MadePayload | Promise<MadePayload> {
    const { text, isKept } = writtenPayload({ message, given, made }, this.#deps.bytesMax)
    const written = { made, text }
    const known = this.#known.get(message) ?? 0
    if (isKept && known >= alwaysReadBack && this.#deps.readBack === 'when-changed') return written
    const read = readBack(message, made, text)
    const passed = (): MadePayload => {
      if (known < alwaysReadBack) this.#known.set(message, known + 1)
      return written
    }
    return read instanceof Promise ? read.then(passed) : passed()
  }
}
