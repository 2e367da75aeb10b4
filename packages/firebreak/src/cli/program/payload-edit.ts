/** What every `edit` does to a payload, whatever holds it. */
import type { OptionSpec } from './args.ts'
import type { Call } from './command.ts'
import { usageError } from './exit.ts'
import { type FieldChange, fieldChanges, parseExact, textOf, withSet } from './payload.ts'
import { showChanges } from './payload-changes.ts'

export const editOptions: Readonly<Record<string, OptionSpec>> = {
  set: { value: 'path=value', many: true, help: 'set one field to JSON, or to text where it is none' },
  file: { value: 'file', help: 'the whole payload as JSON; - reads the standard input' },
}

/** **Errors** a usage error unless exactly one of the two ways is named. Asked before anything is opened. */
export function refuseUnclearEdit({ args }: Call): void {
  if ((args.text('file') === undefined) === (args.texts('set').length === 0))
    throw usageError('Say what to change: --file payload.json or --set path=value.')
}

export interface PayloadEdit {
  /** Undefined where it cannot be read and a whole one takes its place. */
  readonly before: unknown
  readonly after: unknown
  readonly changes: readonly FieldChange[]
}

export interface EditedValue {
  readonly value: Uint8Array | null
  /** Brings the payload into the shape in which it is edited; as it is by default. */
  readonly lift?: (payload: unknown) => unknown
  /** What to do instead where nothing would change. */
  readonly instead: string
}

/** Makes the new payload, and shows in which fields it differs. **Errors** a usage error when it does not. */
export async function editPayload(
  { args, io, output }: Call,
  { value, lift, instead }: EditedValue,
): Promise<PayloadEdit> {
  const file = args.text('file')
  const sets = args.texts('set')
  const before = payloadOf(value, sets.length > 0, lift)
  const after = file === undefined ? sets.reduce<unknown>(withSet, before) : parseExact(await io.readFile(file), file)
  const changes = fieldChanges(before, after)
  if (changes.length === 0) throw usageError('The payload would stay as it is.', instead)
  if (!output.json) showChanges(output, changes)
  return { before, after, changes }
}

function payloadOf(
  value: Uint8Array | null,
  isNeeded: boolean,
  lift = (payload: unknown): unknown => payload,
): unknown {
  const text = value === null ? undefined : textOf(value)
  try {
    if (text === undefined)
      throw usageError('The payload is no text, so no field can be set.', 'Give a whole one with --file.')
    return lift(parseExact(text, 'The payload'))
  } catch (error) {
    if (isNeeded) throw error
    return undefined
  }
}
