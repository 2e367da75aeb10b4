import { shown } from '../contracts/option.ts'
import { fieldOf } from '../contracts/text/text-of.ts'
import type { Policy } from '../policy/definition/policy-spec.ts'
import { type FinalAnswers, finalProblems } from './final-answers.ts'

/** What is judged of a call. */
export interface CallShape {
  readonly name: string
  readonly to: string
  readonly method: string
  readonly path: string
  readonly idempotent: boolean | 'key'
  readonly policy: Policy
  readonly final: FinalAnswers
}

const methods = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'POST', 'PATCH'])
const namePattern = /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*$/
const dependencyPattern = /^[a-z][a-z0-9-]{0,62}$/
const fieldPattern = /^:[A-Za-z_]\w*$/
// What a URL may hold between two slashes; a percent sign starts two hex digits.
const segmentPattern = /^(?:[A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})+$/

/** Every mistake of a call in words, with the arithmetic; empty when it is sound. */
export function callProblems(call: CallShape): readonly string[] {
  const found: string[] = []
  // From JavaScript it may be no text, and a pattern takes undefined for a word.
  if (!isText(call.name, namePattern)) found.push('its name must be lower case, words separated by dots')
  if (!isText(call.to, dependencyPattern))
    found.push(`${shown(call.to)} names no dependency: lower-case kebab, 63 at most`)
  if (!methods.has(call.method)) found.push(`method ${shown(call.method)} is none of ${[...methods].join(', ')}`)
  found.push(...pathProblems(call.path), ...finalProblems(call.final))
  if (![true, false, 'key'].includes(call.idempotent))
    found.push(`idempotent must be true, false or 'key', not ${shown(call.idempotent)}`)
  if (fieldOf(call.policy, 'kind') === 'policy') found.push(...repetitionProblems(call))
  else found.push(`its policy must be made by policy(), not ${shown(call.policy)}`)
  return found
}

const isText = (value: unknown, pattern: RegExp): boolean => typeof value === 'string' && pattern.test(value)

function pathProblems(path: string): readonly string[] {
  if (typeof path !== 'string') return [`path must be text that starts with /, not ${shown(path)}`]
  if (!path.startsWith('/')) return [`path "${path}" must start with /`]
  const found: string[] = []
  const fields = fieldsOf(path)
  const segments = path === '/' ? [] : path.slice(1).split('/')
  for (const segment of segments) {
    const isDots = segment === '.' || segment === '..'
    const isSound = segment.startsWith(':') ? fieldPattern.test(segment) : segmentPattern.test(segment) && !isDots
    if (!isSound) found.push(`path "${path}" has a part "${segment}" that no URL can have; the query is made of fields`)
  }
  const twice = fields.filter((field, index) => fields.indexOf(field) !== index)
  for (const field of twice) found.push(`path "${path}" wants ${field} twice`)
  return found
}

/** The fields of the request that fill a path, in its order. */
export function fieldsOf(path: string): readonly string[] {
  return path
    .split('/')
    .filter((segment) => segment.startsWith(':'))
    .map((segment) => segment.slice(1))
}

function repetitionProblems({ method, path, idempotent, policy }: CallShape): readonly string[] {
  if (idempotent !== false) return []
  const found: string[] = []
  const { attemptsMax, hedge } = policy
  const remedy = `add idempotent: 'key' if the other side knows Idempotency-Key`
  if (attemptsMax > 1) {
    found.push(
      `${method} ${path} is not idempotent, and its policy has ${attemptsMax} attempts: one call could take effect ` +
        `${attemptsMax} times; ${remedy}, or set attemptsMax to 1`,
    )
  }
  if (hedge !== null) {
    found.push(
      `${method} ${path} is not idempotent, and its policy hedges: 1 + ${hedge.max} at the same time could take effect ` +
        `${1 + hedge.max} times; ${remedy}, or leave hedge out`,
    )
  }
  return found
}
