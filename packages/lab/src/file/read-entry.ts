/** Reads one entry by its schema, and tells what is wrong with it. */
import { nearestName } from 'firebreak/internal'
import type { z } from 'zod'
import type { Entry } from './read-arms.ts'
import { type Found, issuesFound } from './read-issues.ts'
import { type Fields, isFields } from './read-patch.ts'
import type { Path } from './schema/read-located.ts'
import { type Finding, meantOf, type Problems, shown } from './schema/read-problems.ts'

/** Tells what is wrong at `rest` within an entry. */
export type Report = (rest: Path, finding: Finding) => void

/** Where problems go; `arm` is the arm that is being read. */
export interface Judging {
  readonly problems: Problems
  readonly arm?: string
}

/** How problems of one entry are reported: not where its shape is wrong already. */
export const reportOn =
  ({ problems, arm }: Judging, { places }: Pick<Entry, 'places'>): Report =>
  (rest, finding) => {
    if (rest.length === 0 || !problems.isMisshapen(places, rest)) problems.add(places, rest, finding, arm)
  }

/** What a name may stand for. */
export interface Known {
  readonly what: string
  readonly known: readonly string[]
}

/** Tells when the member `field` of an entry names what there is not, whatever else is wrong with the entry. */
export function reportUnknownMember(judging: Judging, entry: Entry, field: string, { what, known }: Known): void {
  const name = isFields(entry.raw) ? entry.raw[field] : undefined
  if (typeof name === 'string') reportUnknown(reportOn(judging, entry), [field], { what, known, name })
}

/** Tells when a name is none of those that there are. */
export function reportUnknown(
  report: Report,
  path: Path,
  { what, known, name }: Known & { readonly name: string },
): void {
  if (known.includes(name)) return
  const suggestion = (): string | undefined => meantOf(nearestName(name, known), known)
  report(path, { message: `there is no ${what} ${shown(name)}`, suggestion })
}

/** An entry in its right shape with its defaults, as far as that is possible; what is wrong is reported. */
export function shaped<T>({ problems, arm }: Judging, schema: z.ZodType<T>, entry: Entry): T | undefined {
  const { data, found } = salvaged(schema, entry.raw)
  for (const { path, ...finding } of found) {
    // The file as a whole was checked before: most of what is wrong is known already.
    if (!problems.isMisshapen(entry.places, path)) problems.addShape(entry.places, path, finding, arm)
  }
  return data
}

/** A value in its right shape, without the members that are wrong: what is left is looked at all the same. */
function salvaged<T>(
  schema: z.ZodType<T>,
  raw: unknown,
): { readonly data: T | undefined; readonly found: readonly Found[] } {
  const { success, data, error } = schema.safeParse(raw)
  if (success) return { data, found: [] }
  const found = issuesFound(error.issues, raw)
  if (!isFields(raw)) return { data: undefined, found }
  const rest: Record<string, unknown> = { ...raw }
  for (const { path } of found) delete rest[path[0] ?? '']
  return { data: schema.safeParse(rest satisfies Fields).data, found }
}
