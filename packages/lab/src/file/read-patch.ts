/** Merges a change of an arm into the base. */

/** A map of a file: what is neither a list nor a single value. */
export type Fields = Readonly<Record<string, unknown>>

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

// What a map without `kind` or `process` is.
const unsaid = ['constant', 'sync', 'poisson', 'ratio', 'rate', 'codel']
// `kind` of a backoff: the other members mean the same with each.
const jitters = ['full', 'equal', 'decorrelated', 'none']
// Two words for one thing: a change of one takes the other away.
const synonyms: readonly string[] = ['concurrency', 'workers']
// Half of one distribution and half of another is none.
const distributions: readonly string[] = ['latency', 'network', 'think']

/**
 * A value with a change: maps are merged member by member, `null` removes a member, everything else replaces.
 *
 * A distribution, and a map with another `kind` than before, replace the whole. **Source** RFC 7386, "JSON Merge Patch"
 */
export function patchedValue(before: unknown, change: unknown): unknown {
  if (!isFields(change)) return change
  const merged: Record<string, unknown> = isFields(before) && isSameCase(before, change) ? { ...before } : {}
  for (const [key, value] of Object.entries(change)) {
    if (synonyms.includes(key)) for (const other of synonyms) delete merged[other]
    if (value === null) delete merged[key]
    else merged[key] = patchedValue(distributions.includes(key) ? undefined : merged[key], value)
  }
  return merged
}

/** Whether a change leaves a map of the kind that it is; the members of another kind have nothing in common with it. */
export function isSameCase(before: Fields, change: Fields): boolean {
  return (['kind', 'process'] as const).every((name) => {
    const [old, next] = [before[name], change[name]]
    if (next === undefined || next === old) return true
    return typeof next === 'string' && (jitters.includes(next) || (old === undefined && unsaid.includes(next)))
  })
}

/** Sets one member deep inside, and makes the maps that lead there; the value itself stays as it was. */
export function withMember(value: unknown, path: readonly string[], member: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return member
  if (Array.isArray(value)) {
    const index = Number(key)
    return /^\d+$/.test(key) && index < value.length ? value.with(index, withMember(value[index], rest, member)) : value
  }
  const fields = isFields(value) ? value : {}
  return { ...fields, [key]: withMember(Object.hasOwn(fields, key) ? fields[key] : undefined, rest, member) }
}
