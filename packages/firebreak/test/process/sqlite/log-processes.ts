import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Order } from './log-child.ts'

export type News = Record<string, unknown>

export interface Child {
  readonly process: ChildProcess
  readonly heard: News[]
  /** When each of `heard` came, on `performance.now`. */
  readonly heardAt: number[]
  send(order: Order): void
  /** The next news, heard or to come, that has `key` (and passes `test`). */
  next<T = unknown>(key: string, test?: (value: T) => boolean): Promise<T>
  /** Sends and waits for the answer. */
  ask<T = unknown>(order: Order, key: string): Promise<T>
  kill(): Promise<void>
}

export function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'firebreak-log-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export async function startChild(t: TestContext, path: string): Promise<Child> {
  const child = fork(join(import.meta.dirname, 'log-child.ts'), [path])
  t.after(() => child.kill('SIGKILL'))
  const heard: News[] = []
  const heardAt: number[] = []
  let seen = 0
  let wake: (() => void)[] = []
  child.on('message', (news: News) => {
    heard.push(news)
    heardAt.push(performance.now())
    const waiting = wake
    wake = []
    for (const resume of waiting) resume()
  })
  const next = async <T>(key: string, test: (value: T) => boolean = () => true): Promise<T> => {
    for (;;) {
      for (; seen < heard.length; seen++) {
        const news = heard[seen]!
        if ('error' in news && key !== 'error') throw new Error(`child: ${news['message']}`)
        if (key in news && test(news[key] as T)) {
          seen++
          return news[key] as T
        }
      }
      await new Promise<void>((resolve) => wake.push(resolve))
    }
  }
  const started: Child = {
    process: child,
    heard,
    heardAt,
    next,
    send: (order) => void child.send(order),
    ask(order, key) {
      child.send(order)
      return next(key)
    },
    kill() {
      const gone = new Promise<void>((resolve) => void child.once('exit', () => resolve()))
      child.kill('SIGKILL')
      return gone
    },
  }
  await next('ready')
  return started
}

/** Values acknowledged to a child so far. */
export const acked = (child: Child): string[] =>
  child.heard.flatMap((news) => ('acked' in news ? [String(news['acked'])] : []))

/** The longest silence between two acknowledgements of a child since `from`. */
export function longestStall(child: Child, from: number): number {
  const times = child.heardAt.filter((at, i) => at >= from && 'acked' in child.heard[i]!)
  return Math.max(...times.map((at, i) => at - (times[i - 1] ?? from)))
}
