/** Puts the arms of a file together: the base, and what each changes in it. */

import { type Fields, isFields, isSameCase, patchedValue } from './read-patch.ts'
import type { Path } from './schema/read-located.ts'
import type { Places } from './schema/read-problems.ts'

/** One service, edge, policy, source of traffic or fault as it was written, and where. */
export interface Entry {
  readonly raw: unknown
  readonly places: Places
}

/** One way to build the system, put together and not yet judged. */
export interface RawArm {
  readonly name: string
  readonly description: unknown
  readonly success: unknown
  readonly services: ReadonlyMap<string, Entry>
  readonly edges: readonly (Entry & { readonly id: string })[]
  readonly policies: ReadonlyMap<string, Entry>
  readonly traffic: readonly Entry[]
  readonly faults: readonly Entry[]
  /** Places of changes of what the base does not have, by what they name. */
  readonly additions: readonly Addition[]
}

/** An arm says something about a service, an edge or a policy that the base does not have; of edges, only what is no new one. */
export interface Addition {
  readonly section: 'services' | 'edges' | 'policies'
  readonly name: string
  readonly place: Path
  readonly isRemoval: boolean
}

/** The arms of a file: each a change of the base, or the base itself where there are none. */
export function rawArms(file: Fields): readonly RawArm[] {
  const arms = isFields(file['arms']) ? Object.entries(file['arms']) : []
  if (arms.length === 0) return [{ ...rawArm('base', file, {}), additions: [] }]
  return arms.map(([name, change]) => rawArm(name, file, isFields(change) ? change : {}))
}

function rawArm(name: string, file: Fields, change: Fields): RawArm {
  const additions: Addition[] = []
  const merge: Merge = { arm: name, file, change, additions }
  return {
    name,
    description: change['description'] ?? '',
    success: change['success'] ?? file['success'],
    services: mergedMap(merge, 'services'),
    edges: mergedEdges(merge),
    policies: mergedMap(merge, 'policies'),
    traffic: mergedTraffic(merge),
    faults: Array.isArray(change['faults'])
      ? listed(change['faults'], ['arms', name, 'faults'])
      : listed(file['faults'], ['faults']),
    additions,
  }
}

interface Merge {
  readonly arm: string
  readonly file: Fields
  readonly change: Fields
  readonly additions: Addition[]
}

const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {})

function mergedMap({ arm, file, change, additions }: Merge, section: 'services' | 'policies'): Map<string, Entry> {
  const entries = new Map<string, Entry>()
  for (const [name, raw] of Object.entries(fieldsOf(file[section])))
    entries.set(name, { raw, places: [[section, name]] })
  for (const [name, part] of Object.entries(fieldsOf(change[section]))) {
    const place = ['arms', arm, section, name]
    const before = entries.get(name)
    if (before === undefined) additions.push({ section, name, place, isRemoval: part === null })
    if (part === null) entries.delete(name)
    else entries.set(name, { raw: patchedValue(before?.raw, part), places: [place, ...(before?.places ?? [])] })
  }
  return entries
}

// An edge without ends gets an id that no other has.
function edgeIdOf({ id, from, to }: Fields, index: number): string {
  if (typeof id === 'string') return id
  return typeof from === 'string' && typeof to === 'string' ? `${from}->${to}` : `#${index}`
}

function mergedEdges({ arm, file, change, additions }: Merge): (Entry & { id: string })[] {
  const edges = listed(file['edges'], ['edges']).map((entry, i) => ({ ...entry, id: edgeIdOf(fieldsOf(entry.raw), i) }))
  for (const [id, part] of Object.entries(fieldsOf(change['edges']))) {
    const place = ['arms', arm, 'edges', id]
    const index = edges.findIndex((edge) => edge.id === id)
    const before = edges[index]
    if (before === undefined) {
      const isNew = isFields(part) && Object.hasOwn(part, 'from') && Object.hasOwn(part, 'to')
      if (isNew) edges.push({ id, raw: patchedValue(undefined, part), places: [place] })
      else additions.push({ section: 'edges', name: id, place, isRemoval: part === null })
    } else if (part === null) edges.splice(index, 1)
    else edges[index] = { id, raw: patchedEdge(fieldsOf(before.raw), part), places: [place, ...before.places] }
  }
  return edges
}

// A call that becomes a queue keeps its ends; how it was called means nothing any more.
function patchedEdge(before: Fields, change: unknown): unknown {
  const { id, from, to, network } = before
  const isOther = isFields(change) && !isSameCase({ kind: 'sync', ...before }, change)
  const kept = isOther
    ? { ...(id !== undefined && { id }), from, to, ...(network !== undefined && { network }) }
    : before
  return patchedValue(isOther && isFields(change) ? { ...kept, kind: change['kind'] } : kept, change)
}

function mergedTraffic({ arm, file, change }: Merge): readonly Entry[] {
  const written = file['traffic']
  // One source may stand without a list around it.
  const before = isFields(written) ? [{ raw: written, places: [['traffic']] }] : listed(written, ['traffic'])
  const part = change['traffic']
  if (part === undefined || part === null) return before
  const place = ['arms', arm, 'traffic']
  if (Array.isArray(part)) return listed(part, place)
  const [only, ...others] = before
  if (only === undefined || others.length > 0) return [{ raw: part, places: [place] }]
  return [{ raw: patchedValue(only.raw, part), places: [place, ...only.places] }]
}

function listed(value: unknown, place: Path): readonly Entry[] {
  return Array.isArray(value) ? value.map((raw, index) => ({ raw, places: [[...place, index]] })) : []
}
