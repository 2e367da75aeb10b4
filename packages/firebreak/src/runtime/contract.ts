import { FirebreakError } from '../contracts/errors.ts'
import type { AnyEvent } from '../contracts/event.ts'
import { describeIssues, type SchemaResult } from '../contracts/schema.ts'

/**
 * Lifts a payload from the version on the wire to the version of the definition and validates it.
 *
 * **Errors** `FB_UPCASTER_MISSING`, `FB_CONTRACT_VIOLATED`. Synchronous for synchronous schemas: most are.
 */
export function readPayload(event: AnyEvent, version: number, raw: unknown): unknown {
  return check(event, upcast(event, version, raw))
}

/** Validates a payload against the current version of its definition; resolves or returns the parsed value. */
export function check(event: AnyEvent, payload: unknown): unknown {
  const result = event.schema['~standard'].validate(payload) as SchemaResult<unknown> | Promise<SchemaResult<unknown>>
  return result instanceof Promise ? result.then((r) => accepted(event, r)) : accepted(event, result)
}

function accepted(event: AnyEvent, result: SchemaResult<unknown>): unknown {
  if (result.issues === undefined) return result.value
  const detail = {
    type: event.type,
    version: event.version,
    issues: describeIssues(result.issues),
  }
  throw new FirebreakError('FB_CONTRACT_VIOLATED', detail)
}

function upcast(event: AnyEvent, version: number, raw: unknown): unknown {
  let payload = raw
  for (let at = version; at !== event.version; at++) {
    const step = at < event.version ? event.upcast[at] : undefined
    if (step === undefined) {
      throw new FirebreakError('FB_UPCASTER_MISSING', {
        type: event.type,
        found: version,
        at,
        expected: event.version,
      })
    }
    payload = step(payload as never)
  }
  return payload
}
