/** Shape of what an arm may change, made from the shape of the whole. */
import { z } from 'zod'
import { map } from './scenario-leaves.ts'

type Schemas = ReadonlySet<z.ZodType>

/**
 * The same with every member of every map left to choice, or `null` to remove it: what an arm may say about a value.
 * Values of the schemas in `whole` are replaced and not patched.
 */
export function patchOf(schema: z.ZodType, whole: Schemas): z.ZodType {
  if (whole.has(schema)) return schema
  // Without its own default: an arm that says nothing leaves the base as it is.
  const isWrapper = schema instanceof z.ZodDefault || schema instanceof z.ZodOptional
  const found = isWrapper ? patchOf(schema.unwrap() as z.ZodType, whole) : patched(schema, whole)
  const { description } = schema
  return description === undefined || found.description === description ? found : found.describe(description)
}

function patched(schema: z.ZodType, whole: Schemas): z.ZodType {
  if (schema instanceof z.ZodObject) return map(patchedMembers([schema], whole))
  // Which case is meant is only known together with the base, so all members of all cases are open.
  if (schema instanceof z.ZodDiscriminatedUnion) return map(patchedMembers(schema.options as z.ZodObject[], whole))
  if (schema instanceof z.ZodUnion) return z.union(schema.options.map((option) => patchOf(option as z.ZodType, whole)))
  return schema
}

function patchedMembers(objects: readonly z.ZodObject[], whole: Schemas): Record<string, z.ZodType> {
  const members = new Map<string, z.ZodType[]>()
  for (const { shape } of objects)
    for (const [name, member] of Object.entries(shape))
      members.set(name, [...(members.get(name) ?? []), patchOf(member as z.ZodType, whole)])
  return Object.fromEntries([...members].map(([name, cases]) => [name, removable(oneOf(cases))]))
}

/** May be left out, or `null`. */
export function removable(schema: z.ZodType): z.ZodType {
  const { description } = schema
  return description === undefined ? schema.nullish() : schema.nullish().describe(description)
}

function oneOf(cases: readonly z.ZodType[]): z.ZodType {
  const written = (each: z.ZodType): string => JSON.stringify(z.toJSONSchema(each, { io: 'input' }))
  const different = [...new Map(cases.map((each) => [written(each), each])).values()]
  const [first, ...rest] = different
  if (first === undefined || rest.length === 0) return first ?? z.never()
  const descriptions = new Set(different.map(({ description }) => description))
  return z.union(different).describe([...descriptions].filter((each) => each !== undefined).join('; or: '))
}
