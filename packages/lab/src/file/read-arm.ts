/** Reads one arm as far as it can be read, and judges what fits together in it. */

import { nearestName } from 'firebreak/internal'
import type { Arm, Edge } from '../model/scenario.ts'
import type { Addition, RawArm } from './read-arms.ts'
import { edgesOf, type Named } from './read-edge.ts'
import { type Judging, reportOn } from './read-entry.ts'
import { faultsOf } from './read-fault.ts'
import { cyclesOf, cycleText, expectedVisits } from './read-graph.ts'
import { isFields } from './read-patch.ts'
import { policyOf } from './read-policy.ts'
import { serviceOf } from './read-service.ts'
import { trafficOf } from './read-traffic.ts'
import { meantOf, type Problems } from './schema/read-problems.ts'

/** What the run as a whole says about its arms. */
export interface Span {
  readonly durationMs: number
  readonly drainMaxMs: number
  readonly eventsMax: number
}

/** How many there may be in a file, and in an arm. */
export const servicesMax = 100
export const edgesMax = 500
export const policiesMax = 100

/** Reads an arm as far as it can be read; what is wrong is reported, and what cannot be read is not in it. */
export function armOf(raw: RawArm, span: Span, problems: Problems): Arm {
  const judging: Judging = { problems, arm: raw.name }
  reportSizes(raw, judging)
  reportAdditions(raw, judging)
  const services = [...raw.services].flatMap(([name, entry]) => serviceOf(judging, name, entry) ?? [])
  const policies = [...raw.policies].map(([name, entry]) => [name, policyOf(judging, name, entry)] as const)
  const sound = policies.flatMap(([name, policy]) => (policy === undefined ? [] : [[name, policy] as const]))
  const named: Named = {
    services: [...raw.services.keys()],
    policies: [...raw.policies.keys()],
    soundPolicies: new Map(sound),
  }
  const edges = edgesOf(judging, raw.edges, named)
  reportCycles(raw, edges, judging)
  const { durationMs, drainMaxMs } = span
  const traffic = trafficOf(judging, raw.traffic, { services: named.services, durationMs })
  const arm: Arm = {
    name: raw.name,
    description: String(raw.description),
    success: raw.success === 'answered' ? 'answered' : 'processed',
    services,
    edges,
    traffic,
    faults: faultsOf(judging, raw.faults, {
      services: named.services,
      edgeIds: raw.edges.map(({ id }) => id),
      edges,
      endMs: durationMs + drainMaxMs,
    }),
  }
  reportEvents(arm, span, judging)
  return arm
}

function reportSizes(raw: RawArm, judging: Judging): void {
  const whole = reportOn(judging, { places: [['arms', raw.name], []] })
  const sizes = [
    ['services', raw.services.size, servicesMax],
    ['edges', raw.edges.length, edgesMax],
    ['policies', raw.policies.size, policiesMax],
  ] as const
  for (const [what, size, max] of sizes)
    if (size > max) whole([what], { message: `there are ${size}, and at most ${max} are allowed` })
  if (raw.services.size === 0) whole(['services'], { message: 'there is no service' })
  if (raw.traffic.length === 0) whole(['traffic'], { message: 'there is no traffic' })
}

// What is new in an arm must be used by it: nothing else tells a new name from a misspelled one.
function reportAdditions(raw: RawArm, judging: Judging): void {
  for (const addition of raw.additions) {
    if (!addition.isRemoval && isUsed(addition, raw)) continue
    const { section, name, place } = addition
    const what = { services: 'service', edges: 'edge', policies: 'policy' }[section]
    const known = namesOf(section, raw).filter((each) => each !== name)
    const why = addition.isRemoval
      ? 'to remove'
      : section === 'edges'
        ? 'to change; a new one needs from and to'
        : 'to change, and nothing uses a new one'
    const suggestion = (): string | undefined => meantOf(nearestName(name, known), known)
    reportOn(judging, { places: [place] })([], { message: `there is no ${what} "${name}" ${why}`, suggestion })
  }
}

function namesOf(section: Addition['section'], { services, edges, policies }: RawArm): readonly string[] {
  if (section === 'edges') return edges.map(({ id }) => id)
  return [...(section === 'services' ? services : policies).keys()]
}

function isUsed({ section, name }: Addition, raw: RawArm): boolean {
  if (section === 'edges') return false
  const fields = section === 'policies' ? ['policy'] : ['from', 'to']
  const users = section === 'policies' ? raw.edges : [...raw.edges, ...raw.traffic]
  return users.some(({ raw: user }) => isFields(user) && fields.some((field) => user[field] === name))
}

const cyclesMax = 20

function reportCycles(raw: RawArm, edges: readonly Edge[], judging: Judging): void {
  for (const cycle of cyclesOf(edges).slice(0, cyclesMax)) {
    const closing = raw.edges.find(({ id }) => id === cycle.at(-1)?.id)
    if (closing !== undefined) reportOn(judging, closing)([], { message: cycleText(cycle) })
  }
}

function reportEvents({ name, traffic, edges }: Arm, { durationMs, eventsMax }: Span, judging: Judging): void {
  if (cyclesOf(edges).length > 0) return
  const visits = expectedVisits(traffic, edges, durationMs)
  // Not a number where the length of the run is not known.
  if (!(visits > eventsMax)) return
  const message = `about ${Math.round(visits)} requests and calls would arrive, and maxEvents is ${eventsMax}: shorten the run, lower the rates, or raise maxEvents (at most 1000000000)`
  reportOn(judging, { places: [['arms', name, 'traffic'], ['traffic']] })([], { message })
}
