import { nearestName } from 'firebreak/internal'
import type { z } from 'zod'
import type { Path } from './schema/read-located.ts'
import { type Finding, meantOf, shown } from './schema/read-problems.ts'

type Issue = z.core.$ZodIssue

/** What the schema has against a value, and where in it. */
export interface Found extends Finding {
  readonly path: Path
}

/** The issues of one value in words: one for each mistake. */
export function issuesFound(issues: readonly Issue[], value: unknown): readonly Found[] {
  return issues.flatMap((issue) => issueFound(issue, value))
}

function issueFound(issue: Issue, root: unknown): readonly Found[] {
  const path = issue.path as Path
  const value = valueAt(root, path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], ...unknownKey(key, issue.message.split(' ')) }))
    case 'invalid_union':
      if (issue.errors.length === 0) return [{ path, ...unknownCase(value, issue) }]
      return issuesFound(meantBranch(issue.errors), value).map((found) => ({
        ...found,
        path: [...path, ...found.path],
      }))
    case 'invalid_type':
      return [{ path, message: wrongType(issue.expected, value) }]
    case 'invalid_key':
      return issue.issues.map(({ message }) => ({ path, message }))
    case 'too_small':
    case 'too_big':
      return [{ path, message: wrongLength(issue, value) }]
    case 'invalid_value':
      return [{ path, ...unknownWord(value, issue.values.map(String)) }]
    case 'custom':
      return [{ path, message: issue.message, suggestion: issue.params?.['suggestion'] as string | undefined }]
    default:
      return [{ path, message: `is wrong: ${issue.message}` }]
  }
}

function valueAt(root: unknown, path: Path): unknown {
  let at = root
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined
    at = (at as Record<string | number, unknown>)[part]
  }
  return at
}

function unknownKey(key: string, known: readonly string[]): Finding {
  return { message: 'there is no such field here', suggestion: meantOf(nearestName(key, known), known) }
}

function unknownCase(value: unknown, issue: Issue): Finding {
  const options = 'options' in issue ? (issue.options as readonly unknown[]) : []
  return unknownWord(
    value,
    options.filter((each) => typeof each === 'string'),
  )
}

function unknownWord(value: unknown, words: readonly string[]): Finding {
  const message =
    value === undefined
      ? `is missing: ${words.join(', ')}`
      : `must be ${words.length > 1 ? 'one of ' : ''}${words.join(', ')}, not ${shown(value)}`
  const near = typeof value === 'string' ? nearestName(value, words) : undefined
  return { message, suggestion: near === undefined ? undefined : meantOf(near, []) }
}

// The case of a union that fits the outside of the value: its mistakes are inside, or it is the one for values without parts.
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] {
  const outside = (issues: readonly Issue[]): boolean =>
    issues.some(
      ({ path, code }) =>
        path.length === 0 && (code === 'invalid_type' || code === 'custom' || code === 'invalid_union'),
    )
  const inner = branches.find((issues) => !outside(issues))
  if (inner !== undefined) return inner
  const nested = branches.find((issues) =>
    issues.some(({ path, code }) => path.length === 0 && code === 'invalid_union'),
  )
  return nested ?? branches.find((issues) => issues.some(({ code }) => code === 'custom')) ?? branches[0] ?? []
}

function wrongType(expected: string, value: unknown): string {
  if (value === undefined) return 'is missing'
  const what = expected === 'array' || expected === 'tuple' ? 'a list' : 'a map with fields'
  return `must be ${what}, not ${shown(value)}`
}

function wrongLength(issue: Issue & { code: 'too_small' | 'too_big' }, value: unknown): string {
  const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`
  return `must have ${bound} entries, not ${Array.isArray(value) ? value.length : shown(value)}`
}
