/**
 * The processes of one arm.
 *
 * I1 A process that was started is killed by its id when `end` resolves, whatever happened; also when this process exits.
 * I2 The first one that ends too early or cannot go on fails every order that waits, and all that follow.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { FirebreakError } from 'firebreak/internal'
import type { News, Order, Role } from './process/protocol.ts'

/** One process, which answers orders one after the other. */
export interface Worker {
  readonly role: Role
  order<T>(order: Order): Promise<T>
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
}

const stderrCharsMax = 4000
// In the repository this file and the entry are .ts, in the published package both are .js.
const isSource = import.meta.url.endsWith('.ts')

export class Processes {
  readonly #children = new Map<ChildProcess, readonly Waiting[]>()
  readonly #gone = new Map<ChildProcess, Promise<void>>()
  #failure: unknown
  #isEnding = false
  readonly #killAll = (): void => {
    for (const child of this.#children.keys()) child.kill('SIGKILL')
  }

  constructor() {
    // First of all: folders are removed after it.
    process.prependListener('exit', this.#killAll)
  }

  start(role: Role): Worker {
    const entry = new URL(`./process/child${isSource ? '.ts' : '.js'}`, import.meta.url)
    const child = fork(entry, [], {
      execArgv: isSource ? ['--conditions=firebreak-source'] : [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    const waiting: Waiting[] = []
    this.#children.set(child, waiting)
    const stderr = lastOf(child)
    child.on('message', (news: News) => {
      if (news.kind === 'answer') waiting.shift()?.resolve(news.value)
      else if (news.known !== null) this.fail(new FirebreakError(news.known.code, news.known.detail))
      else this.fail(lost(role, news.reason))
    })
    child.on('error', (error) => this.fail(lost(role, error.message)))
    this.#gone.set(
      child,
      new Promise((resolve) => {
        // After `exit` and after the last of what it had to say.
        child.on('close', (code, signal) => {
          this.fail(lost(role, `it ended with ${signal ?? code}${stderr()}`))
          this.#children.delete(child)
          resolve()
        })
      }),
    )
    const order = <T>(given: Order): Promise<T> => {
      if (this.#failure !== undefined) return Promise.reject(this.#failure)
      return new Promise<unknown>((resolve, reject) => {
        waiting.push({ resolve, reject })
        child.send(given, (error) => {
          if (error !== null) this.fail(lost(role, `${error.message}${stderr()}`))
        })
      }) as Promise<T>
    }
    return { role, order }
  }

  /** Nothing waits for a process any longer. */
  fail(error: unknown): void {
    if (this.#isEnding) return
    this.#failure ??= error
    for (const waiting of this.#children.values()) {
      for (const { reject } of waiting) reject(this.#failure)
    }
  }

  async end(): Promise<void> {
    this.#isEnding = true
    this.#killAll()
    await Promise.all(this.#gone.values())
    process.off('exit', this.#killAll)
  }
}

function lost(role: Role, reason: string): FirebreakError {
  const name =
    role.kind === 'service' ? role.service : role.kind === 'consumer' ? `${role.kind} of ${role.edge}` : role.kind
  return new FirebreakError('FB_INVARIANT', { claim: `the process of ${name} lives as long as its run: ${reason}` })
}

function lastOf({ stderr }: ChildProcess): () => string {
  let text = ''
  stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-stderrCharsMax)
  })
  return () => (text === '' ? '' : `\n${text}`)
}
