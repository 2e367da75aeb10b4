/** Sets single values of a scenario for one run. */

import { nearestName } from 'firebreak/internal'
import type { Entry, RawArm } from './read-arms.ts'
import { type Fields, withMember } from './read-patch.ts'
import { meantOf, type Problems } from './schema/read-problems.ts'
import type { RawHeader } from './schema/scenario-schema.ts'

/** A value of a scenario file that is replaced for one run. */
export interface Param {
  /** `duration`, `traffic.rate`, `services.profile.concurrency`, `edges.web->profile.calls`, `arms.event.success`. */
  readonly path: string
  readonly value: number | string
  /** Only in these arms; in all where it is left out. */
  readonly arms?: readonly string[] | undefined
}

const sections = ['services', 'edges', 'policies', 'traffic', 'faults'] as const
type Section = (typeof sections)[number]

const headers: readonly (keyof RawHeader)[] = [
  'name',
  'description',
  'seed',
  'replications',
  'duration',
  'warmup',
  'drain',
  'window',
  'maxEvents',
  'success',
]
const isHeader = (path: string): boolean => (headers as readonly string[]).includes(path)

const isSection = (name: string | undefined): name is Section => (sections as readonly unknown[]).includes(name)

/** The file with those parameters that are about the run as a whole. */
export function withHeaderParams(file: Fields, params: readonly Param[]): Fields {
  return {
    ...file,
    ...Object.fromEntries(params.filter(({ path }) => isHeader(path)).map(({ path, value }) => [path, value])),
  }
}

/** The arms with the parameters that are about them; what no arm has is reported. */
export function withArmParams(
  arms: readonly RawArm[],
  params: readonly Param[],
  problems: Problems,
): readonly RawArm[] {
  let changed = arms
  for (const { path, value, arms: chosen } of params) {
    const parts = path.split('.')
    const onlyArm = parts[0] === 'arms' ? parts[1] : undefined
    const inArm = onlyArm === undefined ? parts : parts.slice(2)
    if (isHeader(path)) continue
    let isThere = false
    changed = changed.map((arm) => {
      const isMeant = (onlyArm ?? arm.name) === arm.name && (chosen?.includes(arm.name) ?? true)
      const next = isMeant ? withParam(arm, inArm, value) : undefined
      isThere ||= next !== undefined
      return next ?? arm
    })
    if (isThere) continue
    const suggestion = (): string | undefined => meantOf(nearestName(inArm.slice(0, 2).join('.'), pathsOf(arms)), [])
    problems.add([[]], parts, { message: 'there is nothing here to set', suggestion })
  }
  return changed
}

function withParam(
  arm: RawArm,
  [section, name, ...rest]: readonly string[],
  value: Param['value'],
): RawArm | undefined {
  if (!isSection(section) || name === undefined) return undefined
  const set = <E extends Entry>(entry: E, way: readonly string[]): E => ({
    ...entry,
    raw: withMember(entry.raw, way, value),
  })
  if (section === 'services' || section === 'policies') {
    const entry = arm[section].get(name)
    return entry && { ...arm, [section]: new Map(arm[section]).set(name, set(entry, rest)) }
  }
  if (section === 'edges') {
    const isThere = arm.edges.some(({ id }) => id === name)
    return isThere ? { ...arm, edges: arm.edges.map((edge) => (edge.id === name ? set(edge, rest) : edge)) } : undefined
  }
  const entries = arm[section]
  // The index may be left out where there is one entry.
  const hasIndex = /^\d+$/.test(name)
  const index = hasIndex ? Number(name) : 0
  const entry = hasIndex || entries.length === 1 ? entries[index] : undefined
  return entry && { ...arm, [section]: entries.with(index, set(entry, hasIndex ? rest : [name, ...rest])) }
}

function pathsOf(arms: readonly RawArm[]): readonly string[] {
  const paths = arms.flatMap((arm) => [
    ...[...arm.services.keys()].map((name) => `services.${name}`),
    ...[...arm.policies.keys()].map((name) => `policies.${name}`),
    ...arm.edges.map(({ id }) => `edges.${id}`),
  ])
  return ['traffic.rate', ...headers, ...new Set(paths)]
}
