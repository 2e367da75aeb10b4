import { FirebreakError } from '../../contracts/errors.ts'
import { partitionId } from '../../contracts/log.ts'
import { isOversized } from '../file/log-retention.ts'
import type { GroupPosition, LogStore, StoredPartition } from '../file/log-store.ts'
import { frameId, jsonFrame, offsetsFrame, readJson, wire } from '../file/log-wire.ts'
import type { Groups } from './log-groups.ts'
import type { LogTrim } from './log-trim.ts'
import type { OwnerClient } from './owner-client.ts'

interface Append {
  readonly client: OwnerClient
  readonly frame: Buffer
}

interface PositionCommit extends Append {
  readonly request: { readonly member: string; readonly positions: readonly [number, number][] }
}

/** A commit of positions as it was found when it was written: those that are still held, and one that is not. */
interface CheckedCommit extends PositionCommit {
  readonly held: readonly GroupPosition[]
  readonly fenced: string | undefined
}

export interface CommitsOptions {
  readonly store: LogStore
  readonly path: string
  readonly clients: ReadonlySet<OwnerClient>
  readonly groups: Groups
  readonly trim: LogTrim
  onCommit(bytes: number): void
  onFailure(): void
}

const commitBytesMax = 8 * 1024 * 1024

/**
 * Writes appends and positions, as many as have come, in one commit, and answers them.
 *
 * I1 An answer leaves after the commit that holds what it answers for.
 * I2 A connection has one append at a time in a commit, so that none starves another.
 * I3 What comes in during a commit goes into the next one: the slower the disk, the larger the groups.
 */
export class LogCommits {
  readonly #options: CommitsOptions
  #appends: Append[] = []
  #positions: PositionCommit[] = []
  #scheduled = false
  #closed = false

  constructor(options: CommitsOptions) {
    this.#options = options
  }

  // A lone client is served at once. With several, what has arrived in this turn of the loop shares one commit.
  append(client: OwnerClient, frame: Buffer): void {
    this.#appends.push({ client, frame })
    if (client.connection.local && this.#options.clients.size === 1 && !this.#scheduled) this.#flush()
    else this.#schedule()
  }

  commit(client: OwnerClient, frame: Buffer): void {
    this.#positions.push({ client, frame, request: readJson(frame) as PositionCommit['request'] })
    this.#schedule()
  }

  /** Writes what waits, and nothing after it. */
  close(): void {
    while (this.#hasWork) this.#flush()
    this.#closed = true
  }

  get #hasWork(): boolean {
    return this.#appends.length + this.#positions.length > 0
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#scheduled = false
    if (this.#closed || !this.#hasWork) return
    const [appends, later] = splitByBytes(this.#appends)
    const commits = this.#positions.map((waiting) => this.#check(waiting))
    this.#appends = later
    this.#positions = []
    try {
      this.#write(appends, commits)
    } catch (error) {
      for (const { client, frame } of [...appends, ...commits]) client.refuse(frame, error, this.#options.path)
      this.#options.onFailure()
    }
    if (this.#appends.length > 0) this.#schedule()
  }

  #write(appends: readonly Append[], commits: readonly CheckedCommit[]): void {
    const { store, groups, path } = this.#options
    const positions = commits.flatMap(({ held }) => held)
    const firsts = store.write(
      appends.map(({ frame }) => frame),
      positions,
    )
    this.#grew(firsts)
    for (const [i, { client, frame }] of appends.entries()) {
      client.connection.send(offsetsFrame(wire.appended, frameId(frame), firsts[i] ?? new Map()))
    }
    for (const { group, partition, next } of positions) groups.committed(group).set(partition, next)
    for (const { client, frame, fenced } of commits) {
      if (fenced === undefined) client.connection.send(jsonFrame(wire.done, frameId(frame), null))
      else client.refuse(frame, new FirebreakError('FB_FENCED', { partition: fenced }), path)
    }
    this.#options.onCommit(appends.reduce((bytes, { frame }) => bytes + frame.length, 0))
  }

  // First of all after a commit: readers wait for it.
  #grew(firsts: readonly ReadonlyMap<number, number>[]): void {
    const { store, clients, trim } = this.#options
    const grown = new Map<number, number>()
    for (const first of firsts) {
      for (const partition of first.keys()) grown.set(partition, store.partitions.get(partition)?.next ?? 0)
    }
    for (const client of clients) nudge(client, grown)
    for (const partition of oversized(grown.keys(), store)) trim.add(partition, 0)
  }

  // Positions of partitions still held are stored even when another one in the same request is fenced.
  #check(commit: PositionCommit): CheckedCommit {
    const { groups, store } = this.#options
    const member = commit.client.members.get(commit.request.member)
    const held: GroupPosition[] = []
    let fenced: string | undefined
    for (const [partition, next] of commit.request.positions) {
      if (member !== undefined && groups.holds(member, partition) && Number.isSafeInteger(next))
        held.push({ group: member.group, partition, next })
      else fenced = partitionId(store.partitions.get(partition) ?? { topic: '?', partition })
    }
    return { ...commit, held, fenced }
  }
}

/** Tells a client up to where the partitions that it holds have grown. */
function nudge({ connection, members }: OwnerClient, grown: ReadonlyMap<number, number>): void {
  if (members.size === 0 || connection.congested) return
  const ours = new Map<number, number>()
  for (const member of members.values()) {
    for (const partition of member.holds) {
      const next = grown.get(partition)
      if (next !== undefined) ours.set(partition, next)
    }
  }
  if (ours.size > 0) connection.send(offsetsFrame(wire.nudge, 0, ours))
}

function splitByBytes(appends: Append[]): [Append[], Append[]] {
  let bytes = 0
  const end = appends.findIndex(({ frame }, i) => {
    bytes += frame.length
    return i > 0 && bytes > commitBytesMax
  })
  return end === -1 ? [appends, []] : [appends.slice(0, end), appends.slice(end)]
}

function* oversized(partitions: Iterable<number>, store: LogStore): Iterable<StoredPartition> {
  for (const id of partitions) {
    const partition = store.partitions.get(id)
    if (partition !== undefined && isOversized(partition)) yield partition
  }
}
