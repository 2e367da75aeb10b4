import { FirebreakError } from '../../contracts/errors.ts'
import type {
  Cursor,
  GroupMember,
  Log,
  LogCapabilities,
  LogInspection,
  LogRecord,
  OpenOptions,
  Position,
  TopicSpec,
} from '../../contracts/log.ts'
import { refuseTopics } from '../../contracts/topic-options.ts'
import { databasePath } from '../file/log-files.ts'
import { createReader, type LogReader } from '../file/log-reader.ts'
import { frameType, jsonFrame, readJson, readOffsets, wire } from '../file/log-wire.ts'
import type { Assignment } from '../owner/log-groups.ts'
import { type Appender, createAppender } from './log-appender.ts'
import { createCursor, type MemberCursor } from './log-cursor.ts'
import { createSession, type OwnerSession, type SessionOptions } from './owner-session.ts'

const recordBytesMax = 1024 * 1024

const capabilities: LogCapabilities = {
  name: 'sqlite',
  durable: true,
  multiProcess: true,
  multiMachine: false,
  contiguousOffsets: true,
  atomicAppend: true,
  retention: { byTime: true, bySize: true },
  recordBytesMax,
}

/** `sqliteLog` with everything that only tests turn. */
export function createLogClient(options: SessionOptions): Log {
  return new LogClient(options)
}

class LogClient implements Log {
  readonly #options: SessionOptions
  readonly #cursors = new Map<string, MemberCursor>()
  readonly #joined = new Set<MemberCursor>()
  readonly #reader: LogReader
  readonly #session: OwnerSession
  readonly #appender: Appender
  readonly #producer: number
  #closing: Promise<void> | undefined
  readonly capabilities = capabilities

  constructor(options: SessionOptions) {
    this.#options = options
    this.#producer = Number.parseInt(options.entropy.hex(6), 16)
    this.#reader = createReader(options.path)
    this.#session = createSession(options, {
      rejoin: () => [...this.#joined].map((cursor) => cursor.joinFrame(0)),
      failed: (error) => {
        for (const cursor of this.#cursors.values()) cursor.failed(error)
      },
      frame: (frame) => this.#receive(frame),
    })
    const { clock } = options
    const producer = this.#producer
    this.#appender = createAppender({ session: this.#session, reader: this.#reader, clock, producer, recordBytesMax })
  }

  #receive(frame: Buffer): void {
    if (frameType(frame) === wire.assign) {
      const assignment = readJson(frame) as Assignment
      this.#cursors.get(assignment.member)?.assigned(assignment)
    } else if (frameType(frame) === wire.nudge) {
      const next = readOffsets(frame)
      for (const cursor of this.#cursors.values()) cursor.nudged(next)
    }
  }
  #check(): void {
    if (this.#closing === undefined) return
    throw new FirebreakError('FB_CLOSED', { what: `log ${databasePath(this.#options.path)}` })
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    this.#check()
    refuseTopics(topics)
    await this.#session.request((id) => jsonFrame(wire.ensureTopics, id, topics))
    this.#reader.reload()
  }
  async append(records: readonly LogRecord[]): Promise<readonly Position[]> {
    this.#check()
    return this.#appender.append(records)
  }
  async open(
    group: string,
    topics: readonly string[],
    { from = 'earliest', ledger }: OpenOptions = {},
  ): Promise<Cursor> {
    this.#check()
    const { clock, entropy } = this.#options
    const name = entropy.uuid()
    const onClose = (): void => {
      this.#cursors.delete(name)
      this.#joined.delete(cursor)
    }
    const [session, reader] = [this.#session, this.#reader]
    const cursor = createCursor({ name, group, topics, from, ledger: ledger ?? null, session, reader, clock, onClose })
    this.#cursors.set(name, cursor)
    try {
      await this.#session.request((id) => cursor.joinFrame(id))
    } catch (error) {
      onClose()
      throw error
    }
    this.#joined.add(cursor)
    return cursor
  }
  inspect(): LogInspection {
    const reader = this.#reader
    const { recordBytesMax } = this.capabilities
    return {
      topics: async (names) =>
        reader
          .topics()
          .filter(({ name }) => names?.includes(name) ?? true)
          .map((topic) => ({ ...topic, recordBytesMax })),
      groups: async () => reader.groups(),
      members: async (group) =>
        readJson(await this.#session.request((id) => jsonFrame(wire.members, id, group))) as readonly GroupMember[],
      committed: async (group) => reader.committed(group),
      async read({ topic, partition, offset }, max) {
        if (reader.topic(topic)[partition] === undefined) reader.reload()
        const place = reader.topic(topic)[partition]
        return place === undefined ? [] : reader.read(place, offset, max)
      },
    }
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      for (const cursor of this.#cursors.values()) await cursor.close()
      await this.#appender.drained()
      // First, so that the owner closes the last connection and the write-ahead log goes with it.
      this.#reader.close()
      await this.#session.close(jsonFrame(wire.bye, 0, this.#producer))
    })()
    return this.#closing
  }
}
