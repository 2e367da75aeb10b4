import { type Connection, heartbeatV4, joinGroupV9, leaveGroupV5, syncGroupV5 } from '@platformatic/kafka'
import { sleep } from '../../contracts/clock.ts'
import type { Cluster } from '../cluster/kafka-cluster.ts'
import { ask } from '../cluster/kafka-connections.ts'

export type Joined = Awaited<ReturnType<typeof joinGroupV9.api.async>>
type Synced = Awaited<ReturnType<typeof syncGroupV5.api.async>>

export interface Generation {
  readonly memberId: string
  readonly generation: number
}

const protocolType = 'consumer'
export const protocolName = 'cooperative-sticky'
const leaveWithinMs = 2000

/**
 * The requests of one member to the coordinator of its group.
 *
 * I1 Heartbeats have a connection of their own: joining, which waits for others, never holds them up.
 * I2 After `signal` has aborted nothing is connected any more.
 */
export class GroupRequests {
  readonly #cluster: Cluster
  readonly #group: string
  readonly #channel: string
  readonly #signal: AbortSignal

  constructor(cluster: Cluster, of: { group: string; channel: string; signal: AbortSignal }) {
    this.#cluster = cluster
    this.#group = of.group
    this.#channel = of.channel
    this.#signal = of.signal
  }

  async connect(purpose: 'join' | 'beat'): Promise<Connection> {
    const { connections, settings } = this.#cluster
    const broker = await this.#cluster.coordinator(this.#group)
    this.#signal.throwIfAborted()
    const withinMs = purpose === 'join' ? this.#roundMs + 5000 : Math.max(1000, settings.sessionTimeoutMs / 3)
    const connection = await connections.get(broker, `${this.#channel}-${purpose}`, withinMs)
    this.#signal.throwIfAborted()
    return connection
  }

  join(connection: Connection, memberId: string, metadata: Buffer): Promise<Joined> {
    const { sessionTimeoutMs, instanceId } = this.#cluster.settings
    const protocols = [{ name: protocolName, metadata }]
    return ask(
      connection,
      joinGroupV9.api,
      this.#group,
      sessionTimeoutMs,
      this.#roundMs,
      memberId,
      instanceId,
      protocolType,
      protocols,
      null,
    )
  }

  sync(
    connection: Connection,
    { memberId, generationId, protocolName: chosen }: Joined,
    assignments: { memberId: string; assignment: Buffer }[],
  ): Promise<Synced> {
    const { instanceId } = this.#cluster.settings
    return ask(
      connection,
      syncGroupV5.api,
      this.#group,
      generationId,
      memberId,
      instanceId,
      protocolType,
      chosen,
      assignments,
    )
  }

  /** Resolves with the error code of the answer. */
  async heartbeat(connection: Connection, { memberId, generation }: Generation): Promise<number> {
    const { instanceId } = this.#cluster.settings
    const answer = await ask(connection, heartbeatV4.api, this.#group, generation, memberId, instanceId)
    return answer.errorCode
  }

  /** Never rejects, and does not wait long: without an answer the group notices by the session. */
  async leave(memberId: string): Promise<void> {
    const answered = this.#leave(memberId).catch(() => undefined)
    const enough = new AbortController()
    await Promise.race([
      answered.finally(() => enough.abort()),
      sleep(this.#cluster.clock, leaveWithinMs, enough.signal),
    ])
    enough.abort()
  }

  /** Ends what waits on the connections of this member. */
  async disconnect(): Promise<void> {
    const { connections } = this.#cluster
    await Promise.all([connections.drop(`${this.#channel}-join`), connections.drop(`${this.#channel}-beat`)])
  }

  async #leave(memberId: string): Promise<void> {
    // Not the connection for joining: a round that waits for others must not hold this up.
    const connection = await this.#cluster.connections.get(await this.#cluster.coordinator(this.#group), 'offsets')
    await ask(connection, leaveGroupV5.api, this.#group, [{ memberId, reason: 'closed' }])
  }

  /** How long the others of the group wait for a member in a round. Members come at once, so it need not be long. */
  get #roundMs(): number {
    return Math.max(10_000, this.#cluster.settings.sessionTimeoutMs / 2)
  }
}
