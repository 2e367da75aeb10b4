import { fieldOf, textOf } from './text/text-of.ts'

/**
 * The part of the Standard Schema v1 interface that firebreak uses, so that zod, Valibot, ArkType and others fit
 * without an adapter and without a dependency.
 *
 * **Source** https://standardschema.dev
 */
export interface Schema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

export type SchemaInput<S> = S extends {
  readonly '~standard': { readonly types?: { readonly input: infer I } | undefined }
}
  ? I
  : never
export type SchemaOutput<S> = S extends {
  readonly '~standard': { readonly types?: { readonly output: infer O } | undefined }
}
  ? O
  : never

const messageMax = 300
const partMax = 100
const partsMax = 16

/** One line for people: `stops.0.lat: expected number; eta: required`. A schema of others may report anything. */
export function describeIssues(issues: unknown, max = 5): string {
  const count = fieldOf(issues, 'length')
  if (typeof issues !== 'object' || typeof count !== 'number') return `its schema reports ${textOf(issues, messageMax)}`
  const lines: string[] = []
  for (let i = 0; i < Math.min(count, max); i++) lines.push(describeIssue(fieldOf(issues, i)))
  if (count > max) lines.push(`and ${count - max} more`)
  return lines.length === 0 ? 'its schema gives no reason' : lines.join('; ')
}

function describeIssue(issue: unknown): string {
  const parts: string[] = []
  const path = fieldOf(issue, 'path')
  const count = typeof path === 'object' ? fieldOf(path, 'length') : undefined
  for (let i = 0; typeof count === 'number' && i < Math.min(count, partsMax); i++) {
    const part = fieldOf(path, i)
    parts.push(textOf(typeof part === 'object' && part !== null ? fieldOf(part, 'key') : part, partMax))
  }
  const message = textOf(issue, messageMax)
  return parts.length === 0 ? message : `${parts.join('.')}: ${message}`
}
