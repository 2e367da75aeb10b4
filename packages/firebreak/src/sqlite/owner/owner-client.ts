import { asLogError, toWireError } from '../file/log-errors.ts'
import { frameId, jsonFrame, wire } from '../file/log-wire.ts'
import type { GroupMember } from './log-groups.ts'

/** The line to one client. `send` must not wait: a client that does not read is cut off by the transport. */
export interface Connection {
  readonly local: boolean
  send(frame: Buffer): void
  /** Whether wake-ups would only pile up. */
  readonly congested: boolean
}

/** One client of the owner: its line, and its members of consumer groups. */
export class OwnerClient {
  readonly connection: Connection
  readonly members: Map<string, GroupMember> = new Map()

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** Answers a request with an error; a frame without an id asks for no answer. */
  refuse(frame: Buffer, error: unknown, path: string): void {
    if (frameId(frame) === 0) return
    this.connection.send(jsonFrame(wire.failed, frameId(frame), toWireError(asLogError(error, path))))
  }
}
