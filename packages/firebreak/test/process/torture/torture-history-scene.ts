/** Histories in a few words, one operation after the other. */
import type { GroupEnd, Observed, Stored } from '../../../torture/checks/anomaly.ts'
import type { Op } from '../../../torture/history/history.ts'

const topic = 'orders'
export const partition = 'orders/0'

/** An operation without its time: a scene says what happened in the order in which it did. */
type Line = Op extends infer One ? (One extends Op ? Omit<One, 'time'> : never) : never

export interface Scene {
  readonly lines?: readonly Line[]
  /** Offset -> id; the event of `p#1.0` is `e1`, that of `p#1b.0` too. */
  readonly log?: Readonly<Record<number, string>>
  readonly end?: Partial<Omit<GroupEnd, 'group' | 'topic'>>
}

const eventOf = (id: string): string => `e${/#(\d+)/.exec(id)?.[1]}`

const stored = (log: Readonly<Record<number, string>>): Stored[] =>
  Object.entries(log).map(([offset, id]) => {
    return { partition, offset: Number(offset), id, event: eventOf(id), isIgnored: false }
  })

/** Unless a scene says otherwise, every event in the log has an outcome. */
export function observed({ lines = [], log = {}, end = {} }: Scene): Observed {
  const events = [...new Set(Object.values(log).map(eventOf))]
  const effects = events.filter((event) => !end.letters?.includes(event)).map((event) => ({ event, run: null }))
  return {
    ops: lines.map((line, i): Op => ({ ...line, time: i })),
    log: stored(log),
    groups: [{ group: 'shop', topic, effects, letters: [], pending: [], ...end }],
  }
}

type Answer = 'ok' | 'fail' | 'info' | 'none'

/** A call that appends one record of key `k`, and its answer; `at` is the acknowledged offset. */
export function send(id: string, answer: Answer, at = 0): Line[] {
  const [process = '', rest = ''] = id.split('#')
  const call = Number.parseInt(rest, 10)
  const asked: Line = { f: 'send', type: 'invoke', process, call, value: [{ id, event: eventOf(id), topic, key: 'k' }] }
  if (answer === 'none') return [asked]
  if (answer === 'ok') return [asked, { f: 'send', type: 'ok', process, call, value: [[partition, at]] }]
  return [asked, { f: 'send', type: answer, process, call, value: 'why' }]
}

export const of = (process: string): { process: string; group: string; cursor: number } => ({
  process,
  group: 'shop',
  cursor: 1,
})
export const assign = (process: string, ...value: string[]): Line => ({
  f: 'assign',
  type: 'info',
  ...of(process),
  value,
})
export const poll = (process: string, ...entries: [number, string][]): Line => {
  return { f: 'poll', type: 'ok', ...of(process), value: { [partition]: entries } }
}
/** A commit; its answer, if there is one, comes right after it. */
export const commit = (process: string, next: number, answer?: 'ok' | 'fail' | 'info'): Line[] => {
  const asked: Line = { f: 'commit', type: 'invoke', ...of(process), call: next, value: { [partition]: next } }
  if (answer === undefined) return [asked]
  if (answer === 'fail') return [asked, { f: 'commit', type: 'fail', ...of(process), call: next, value: [partition] }]
  return [asked, { f: 'commit', type: answer, ...of(process), call: next }]
}
export const claim = (process: string, epoch: number, unclean = false): Line => {
  return { f: 'claim', type: 'info', process, group: 'shop', value: { partition, epoch, unclean } }
}
export const start = (process: string, call: number, event: number, key = 'k'): Line => {
  const value = { partition, key, seq: event, uid: `${key}:${event}`, event: `e${event}` }
  return { f: 'handle', type: 'invoke', process, group: 'shop', call, value }
}
export const finish = (process: string, call: number): Line => ({
  f: 'handle',
  type: 'ok',
  process,
  group: 'shop',
  call,
})
