/** Entry of the owner's thread: opens the file, listens, and answers on a socket and on the port to its own process. */
import { existsSync, unlinkSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { DatabaseSync } from 'node:sqlite'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../node/clock.ts'
import { makePrivate } from '../../node/private-files.ts'
import { createCheckpointer } from '../file/log-checkpoint.ts'
import { asLogError, toWireError, type WireError } from '../file/log-errors.ts'
import { type LogFiles, nameSocket } from '../file/log-files.ts'
import { type LogDurability, openWriter } from '../file/log-schema.ts'
import { openStore } from '../file/log-store.ts'
import { createSplitter } from '../file/log-wire.ts'
import { createOwner, type LogOwner } from './log-owner.ts'
import type { Connection } from './owner-client.ts'

export interface OwnerThreadData {
  readonly files: LogFiles
  readonly durability: LogDurability
  readonly pageCountMax: number | undefined
  readonly port: MessagePort
}

/** What the thread tells its own process, once. */
export type OwnerThreadNews = { readonly ready: true } | { readonly ready: false; readonly error: WireError }

// A client that leaves this much unread is not coming back.
const unreadBytesMax = 32 * 1024 * 1024

const { files, durability, pageCountMax, port } = workerData as OwnerThreadData

try {
  await start()
} catch (error) {
  port.close()
  parentPort?.postMessage({
    ready: false,
    error: toWireError(asLogError(error, files.database)),
  } satisfies OwnerThreadNews)
}

async function start(): Promise<void> {
  const db = openWriter({ database: files.database, durability, pageCountMax })
  const clean = takeOver()
  const store = openStore(db, files.database, durability)
  const checkpointer = createCheckpointer(db, systemClock)
  const sockets = new Set<Socket>()
  const owner = createOwner(store, {
    path: files.database,
    clock: systemClock,
    settled: clean,
    onCommit: checkpointer.committed,
    onFailure: checkpointer.failed,
  })
  const server = await listen(owner, sockets)
  serveOwnProcess(owner, () => {
    owner.close()
    // Before the lock is given up: a successor's socket has the same name.
    server.close()
    for (const socket of sockets) socket.destroy()
    if (sockets.size === 0) db.exec(`UPDATE meta SET value = 1 WHERE key = 'clean'`)
    checkpointer.close(sockets.size === 0)
    store.close()
    port.close()
  })
  parentPort?.postMessage({ ready: true } satisfies OwnerThreadNews)

  // Whether the last owner left with nobody connected. Also makes the tail of the write-ahead log durable: its last
  // commits may be those of an owner that died before it had synced them.
  function takeOver(): boolean {
    const was = db.prepare(`SELECT value FROM meta WHERE key = 'clean'`).get()
    try {
      forgetProducers(db)
      db.exec(`INSERT INTO meta VALUES ('clean', 0), ('owner_pid', ${process.pid})
        ON CONFLICT (key) DO UPDATE SET value = excluded.value`)
    } catch (error) {
      // A full disk is no reason not to serve what is there.
      if (asLogError(error, files.database).code !== 'FB_LOG_FULL') throw error
    }
    return was === undefined || was['value'] === 1
  }
}

/**
 * Producers that never took their leave; nobody resends a batch after a day in which the log was at work. What is later than now is
 * a date of an older version.
 */
function forgetProducers(db: DatabaseSync): void {
  const run = db.prepare("SELECT value FROM meta WHERE key = 'run_ms'").get()
  const runMs = Number(run?.['value'] ?? 0)
  db.prepare('UPDATE producers SET at_ms = ? WHERE at_ms > ?').run(runMs, runMs)
  db.prepare('DELETE FROM producers WHERE at_ms < ?').run(runMs - 86_400_000)
}

function listen(owner: LogOwner, sockets: Set<Socket>): Promise<Server> {
  // Left behind by an owner that was killed; nobody else listens, because we hold the lock.
  if (process.platform !== 'win32' && existsSync(files.socket)) unlinkSync(files.socket)
  const server = createServer((socket) => {
    sockets.add(socket)
    const connection: Connection = {
      local: false,
      send(frame) {
        if (socket.writableLength > unreadBytesMax) socket.destroy()
        else socket.write(frame)
      },
      get congested() {
        return socket.writableNeedDrain
      },
    }
    const attached = owner.connect(connection)
    const split = createSplitter((frame) => {
      if (!attached.receive(frame)) socket.destroy()
    })
    socket.on('data', (chunk: Buffer) => {
      if (!guarded(() => split(chunk))) socket.destroy()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      sockets.delete(socket)
      attached.disconnected()
    })
  })
  return new Promise((resolve, reject) => {
    const name = nameSocket(files)
    server.once('error', reject)
    // The end of the server removes the socket by this name.
    server.once('close', name.release)
    server.listen(name.path, () => {
      if (process.platform !== 'win32') makePrivate(files.socket)
      resolve(server)
    })
  })
}

// JSON that is none, say: only that client pays for it.
function guarded(parse: () => boolean): boolean {
  try {
    return parse()
  } catch {
    return false
  }
}

function serveOwnProcess(owner: LogOwner, close: () => void): void {
  const attached = owner.connect({
    local: true,
    congested: false,
    send(frame) {
      const bytes = frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.length) as ArrayBuffer
      port.postMessage(bytes, [bytes])
    },
  })
  port.on('message', (message: ArrayBuffer | 'close') => {
    if (message === 'close') close()
    else attached.receive(Buffer.from(message))
  })
}
