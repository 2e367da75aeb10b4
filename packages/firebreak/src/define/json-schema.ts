import type { Schema } from '../contracts/schema.ts'

/** A JSON Schema is JSON. */
export type Json = Readonly<Record<string, unknown>>

/**
 * The part of Standard JSON Schema v1 that is used here; zod 4.2+ and ArkType 2.1.28+ carry it beside `validate`.
 *
 * **Source** https://standardschema.dev/json-schema
 */
interface JsonSchemaSource {
  readonly input: (options: { readonly target: string }) => Json
  readonly output: (options: { readonly target: string }) => Json
}

/** The JSON Schema (draft 07) of what a schema takes or returns; undefined where its library gives none. */
export function jsonSchemaOf(schema: Schema, side: 'input' | 'output'): Json | undefined {
  try {
    const source = (schema['~standard'] as { readonly jsonSchema?: JsonSchemaSource }).jsonSchema
    return source?.[side]({ target: 'draft-07' })
  } catch {
    return undefined
  }
}
