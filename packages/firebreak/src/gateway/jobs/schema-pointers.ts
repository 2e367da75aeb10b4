import type { Schema } from '../../contracts/schema.ts'
import { fieldOf, textOf } from '../../contracts/text/text-of.ts'
import { resultOf } from '../../runtime/user-code/thenable.ts'

const issuesMax = 20
const partsMax = 16
const textMax = 300

/** One mistake, and where it is: a JSON Pointer into the body. */
export interface Pointer {
  readonly detail: string
  readonly pointer: string
}

/** What a schema says of a value that it refuses. What it throws may name what is no concern of the caller, and is not said. */
export async function pointersOf(schema: Schema, value: unknown): Promise<readonly Pointer[]> {
  try {
    const result: unknown = await resultOf<unknown>(schema['~standard'].validate(value))
    const issues = fieldOf(result, 'issues')
    return Array.isArray(issues) ? issues.slice(0, issuesMax).map(pointerOf) : []
  } catch {
    return []
  }
}

function pointerOf(issue: unknown): Pointer {
  const path = fieldOf(issue, 'path')
  const parts: readonly unknown[] = Array.isArray(path) ? path.slice(0, partsMax) : []
  return { detail: textOf(issue, textMax), pointer: `#${parts.map(written).join('')}` }
}

/** **Source** RFC 6901, sections 3 and 6 */
function written(part: unknown): string {
  const name = textOf(typeof part === 'object' && part !== null ? fieldOf(part, 'key') : part, textMax)
  return `/${encodeURIComponent(name.toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1'))}`
}
