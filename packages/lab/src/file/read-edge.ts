/** Reads the edges of an arm. */
import type { Policy } from 'firebreak'
import type { Edge, QueueEdge, SyncEdge } from '../model/scenario.ts'
import type { Entry } from './read-arms.ts'
import { type Judging, type Report, reportOn, reportUnknownMember, shaped } from './read-entry.ts'
import { backoffOf } from './read-policy.ts'
import { timeOf } from './read-time.ts'
import { durationMs } from './schema/read-duration.ts'
import type { RawQueueEdge, RawSyncEdge } from './schema/scenario-entry-schemas.ts'
import { edgeSchema } from './schema/scenario-entry-schemas.ts'

/** What edges refer to. */
export interface Named {
  readonly services: readonly string[]
  readonly policies: readonly string[]
  /** Those of the policies that could be read. */
  readonly soundPolicies: ReadonlyMap<string, Policy>
}

/** The edges of an arm that can be read; what is wrong is reported. */
export function edgesOf(judging: Judging, entries: readonly (Entry & { readonly id: string })[], named: Named): Edge[] {
  const found: Edge[] = []
  const groups = new Map<string, Last>()
  const seen = new Set<string>()
  for (const entry of entries) {
    const report = reportOn(judging, entry)
    if (seen.has(entry.id)) report([], { message: `there are two edges ${entry.id}`, suggestion: 'Give each an id' })
    seen.add(entry.id)
    const raw = shaped(judging, edgeSchema, entry)
    const { services, policies } = named
    for (const end of ['from', 'to']) reportUnknownMember(judging, entry, end, { what: 'service', known: services })
    reportUnknownMember(judging, entry, 'policy', { what: 'policy', known: ['none', ...policies] })
    if (raw === undefined || !services.includes(raw.from) || !services.includes(raw.to)) continue
    if ('consumers' in raw) found.push(queueEdge(raw, entry.id, report))
    else found.push(syncEdge({ raw, id: entry.id, named, report }, groups))
  }
  return found
}

interface Last {
  readonly group: number
  readonly isOpen: boolean
}

interface SyncReading {
  readonly raw: RawSyncEdge
  readonly id: string
  readonly named: Named
  readonly report: Report
}

function syncEdge({ raw, id, named, report }: SyncReading, groups: Map<string, Last>): SyncEdge {
  const { from, to, parallel, optional, fallback, calls, policy } = raw
  const last = groups.get(from) ?? { group: 0, isOpen: false }
  // Neighbours that say `parallel` and no group mean each other.
  const group = raw.group ?? (parallel && last.isOpen ? last.group : last.group + 1)
  groups.set(from, { group, isOpen: parallel && raw.group === undefined })
  const network = timeOf(raw.network, (rest, finding) => report(['network', ...rest], finding))
  const found = named.soundPolicies.get(policy) ?? null
  return { kind: 'sync', id, from, to, group, parallel, optional, fallback, calls, policy: found, network }
}

// Of consumers, as schema/scenario-entry-schemas.ts tells them.
const backoffDefault = { baseMs: 100, capMs: 5000, jitter: 'full' } as const
const partitionsDefault = 12

function queueEdge(raw: RawQueueEdge, id: string, report: Report): QueueEdge {
  const { kind, from, to, consumers, maxAttempts, publish } = raw
  const backoff = { ...backoffDefault, ...backoffOf(raw.backoff) }
  if (backoff.capMs < backoff.baseMs)
    report(['backoff'], { message: `its cap of ${backoff.capMs}ms is below its base of ${backoff.baseMs}ms` })
  if (kind === 'queue' && (raw.partitions ?? 0) > 0)
    report(['partitions'], { message: 'a queue has no partitions', suggestion: 'Write kind: stream' })
  if (kind === 'stream' && raw.partitions === 0)
    report(['partitions'], { message: 'a stream has at least one partition' })
  return {
    kind,
    id,
    from,
    to,
    consumers,
    partitions: kind === 'queue' ? 0 : (raw.partitions ?? partitionsDefault),
    attemptsMax: maxAttempts,
    attemptTimeoutMs: raw.attemptTimeout === 'none' ? Number.POSITIVE_INFINITY : durationMs(raw.attemptTimeout),
    backoff,
    deadLetters: raw.dlq,
    publish,
    network: timeOf(raw.network, (rest, finding) => report(['network', ...rest], finding)),
  }
}
