import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { Clock } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { makePrivateFile } from '../../node/private-files.ts'
import { DatabaseSync } from '../../node/sqlite.ts'
import { asLogError, fromWireError, isSqliteBusy, type WireError } from '../file/log-errors.ts'
import { type LogFiles, nameSocket } from '../file/log-files.ts'
import type { LogDurability } from '../file/log-schema.ts'
import { createSplitter, frameId, frameType, jsonFrame, protocolVersion, readJson, wire } from '../file/log-wire.ts'
import type { OwnerThreadData, OwnerThreadNews } from '../owner/log-owner-worker.ts'

/** A way to the owner of the log, in another process or on a thread of this one. */
export interface OwnerTransport {
  /** The owner is this process. */
  readonly local: boolean
  send(frame: Buffer): void
  /** Resolves when it is gone; a local owner has then given up the log. */
  close(): Promise<void>
}

export interface TransportEvents {
  frame(frame: Buffer): void
  /** Once, however it ended. */
  lost(): void
}

// An owner greets at once, unless it is frozen or the address belongs to something else.
const greetingMs = 2000
const helloId = 0xffffffff

/** `undefined` when nobody listens, or nobody who greets. */
export function dialOwner(files: LogFiles, clock: Clock, events: TransportEvents): Promise<OwnerTransport | undefined> {
  const name = nameSocket(files)
  const socket = connect(name.path)
  let greeted = false
  return new Promise((resolve, reject) => {
    const greeting = clock.schedule(greetingMs, () => socket.destroy())
    const gone = new Promise<void>((ended) => {
      socket.once('close', () => {
        greeting.cancel()
        name.release()
        ended()
        if (greeted) events.lost()
        else resolve(undefined)
      })
    })
    const greet = (frame: Buffer): void => {
      if (frameId(frame) !== helloId) return
      greeting.cancel()
      if (frameType(frame) === wire.failed) {
        reject(fromWireError(readJson(frame) as WireError))
        return void socket.destroy()
      }
      greeted = true
      resolve({
        local: false,
        send: (sent) => void socket.write(sent),
        close() {
          socket.destroySoon()
          return gone
        },
      })
    }
    const split = createSplitter((frame) => (greeted ? events.frame(frame) : greet(frame)))
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      if (!split(chunk)) socket.destroy()
    })
    socket.once('connect', () => {
      name.release()
      socket.write(jsonFrame(wire.hello, helloId, { version: protocolVersion }))
    })
  })
}

export interface OwnerThreadOptions {
  readonly durability: LogDurability
  /** For tests of a full disk. */
  readonly pageCountMax?: number | undefined
}

/** Takes the log over if nobody has it; `undefined` when somebody does. */
export async function becomeOwner(
  files: LogFiles,
  options: OwnerThreadOptions,
  events: TransportEvents,
): Promise<OwnerTransport | undefined> {
  // Under type stripping this file and the thread's entry are .ts, in the published package both are .js.
  const entry = new URL(
    `../owner/log-owner-worker${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`,
    import.meta.url,
  )
  if (!existsSync(entry)) throw new FirebreakError('FB_CONFIG', { problems: withoutEntry(entry) })
  const unlock = takeLock(files.lock)
  if (unlock === undefined) return undefined
  const { port1, port2 } = new MessageChannel()
  const { durability, pageCountMax } = options
  const workerData: OwnerThreadData = { files, durability, pageCountMax, port: port2 }
  const worker = new Worker(entry, { workerData, transferList: [port2], execArgv: [], name: 'firebreak-log' })
  let ready = false
  const gone = new Promise<void>((ended) => {
    worker.once('exit', () => {
      port1.close()
      unlock()
      ended()
      if (ready) events.lost()
    })
  })
  try {
    await started(worker)
  } catch (error) {
    await gone
    throw asLogError(error, files.database)
  }
  ready = true
  port1.on('message', (bytes: ArrayBuffer) => events.frame(Buffer.from(bytes)))
  return {
    local: true,
    send(frame) {
      // A copy goes over, the frame stays: it is sent again if the thread dies.
      const bytes = frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.length) as ArrayBuffer
      port1.postMessage(bytes, [bytes])
    },
    close() {
      port1.postMessage('close')
      return gone
    },
  }
}

const withoutEntry = (entry: URL): string =>
  `The embedded log runs ${fileURLToPath(entry)} in a thread of its own, and this file does not exist. A bundler must leave firebreak outside of its bundle: esbuild --packages=external, or externals: ['firebreak'] of webpack.`

function started(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    // Also after the start: without a listener the thread's death would be this process's. `exit` says that it is gone.
    worker.on('error', reject)
    worker.once('exit', (code) => reject(new Error(`the thread of the log ended with ${code}`)))
    worker.once('message', (news: OwnerThreadNews) => {
      if (news.ready) resolve()
      else reject(fromWireError(news.error))
    })
  })
}

/** The exclusive lock of a SQLite file is dropped by the system with the process, on every system, without a daemon. */
function takeLock(path: string): (() => void) | undefined {
  let db: DatabaseSync | undefined
  try {
    makePrivateFile(path)
    db = new DatabaseSync(path, { timeout: 0 })
    // With a journal on disk the lock could not be had on a full one.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    const held = db
    return () => held.close()
  } catch (error) {
    db?.close()
    if (isSqliteBusy(error)) return undefined
    throw asLogError(error, path)
  }
}
