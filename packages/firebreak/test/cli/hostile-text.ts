import assert from 'node:assert/strict'
import type { LogRecord } from '../../src/contracts/log.ts'
import { insertBlocked } from '../../src/ledger/blocked-events.ts'
import { type DeadLetter, insertLetter } from '../../src/ledger/letters.ts'
import { addToOutbox } from '../../src/ledger/outbox.ts'
import { type Cleanup, emptyScene, runServices, type Scene } from './scene.ts'

/** What terminals obey, or what turns text around on them: all of C0 and C1, the bidi marks, and whole sequences. */
export const commandsOfTerminals: readonly string[] = [
  ...Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)),
  ...Array.from({ length: 33 }, (_, at) => String.fromCharCode(0x7f + at)),
  ...['\u061c', '\u200e', '\u200f', '\u202a', '\u202b', '\u202c', '\u202d', '\u202e'],
  ...['\u2066', '\u2067', '\u2068', '\u2069', '\u2028', '\u2029'],
  ...[
    '\u001b[2J',
    '\u001b]0;title\u0007',
    '\u001b[31m',
    '\u009b2J',
    '\u001b]52;c;ZXZpbA==\u001b\\',
    '\r\u001b[2K',
    '\u001bPq',
  ],
]

const singles = commandsOfTerminals.filter((mark) => mark.length === 1 && !'\t\n\r'.includes(mark))

/** What must not come out. Tabs and line ends are no commands; a pty puts a carriage return before each line end. */
export const obeyed: RegExp = new RegExp(`[${singles.join('')}]|\\r(?!\n)`, 'u')

const hostile = (n: number, word: string): string => {
  const mark = commandsOfTerminals[n % commandsOfTerminals.length] ?? ''
  return `${mark}${word}${mark}-${n}${mark}`
}

const headersOf = (n: number): Record<string, string> => ({
  ce_specversion: '1.0',
  ce_id: hostile(n, 'id'),
  ce_type: 'order.placed',
  ce_source: hostile(n, '/shop'),
  [hostile(n, 'x')]: hostile(n, 'value'),
})

const letterOf = (n: number): DeadLetter => {
  const attempt = {
    number: 1,
    startedAtMs: n,
    durationMs: 1,
    errorClass: hostile(n, 'Error'),
    message: hostile(n, 'message'),
    stack: `Error\n    at ${hostile(n, 'frame')} (file.ts:1:1)`,
  }
  return {
    id: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`,
    state: 'open',
    reason: 'exhausted',
    crash: false,
    hold: false,
    entry: {
      topic: 'orders',
      partition: 0,
      offset: n,
      key: hostile(n, 'key'),
      headers: headersOf(n),
      value: new TextEncoder().encode(payloadOf(n)),
      atMs: n,
    },
    lane: `=${n}`,
    eventId: hostile(n, 'id'),
    eventType: n % 3 === 0 ? hostile(n, 'type') : 'order.placed',
    correlationId: hostile(n, 'correlation'),
    errorClass: hostile(n, 'Error'),
    message: hostile(n, 'message'),
    fingerprint: hostile(n, 'print'),
    attempts: [attempt],
    replays: 0,
    atMs: n,
    history: [{ atMs: n, action: 'dead-lettered', by: hostile(n, 'who'), note: hostile(n, 'note') }],
  }
}

const payloadOf = (n: number): string =>
  n % 2 === 0
    ? hostile(n, 'payload')
    : JSON.stringify({ orderId: hostile(n, 'key'), weightKg: 1, note: hostile(n, 'n') })

const recordOf = (n: number): LogRecord => ({
  topic: 'orders',
  key: hostile(n, 'key'),
  headers: { ...headersOf(n), ce_type: hostile(n, 'type') },
  value: new TextEncoder().encode(payloadOf(n)),
})

export interface HostileScene {
  readonly scene: Scene
  readonly letterIds: readonly string[]
  /** Of events that the log has refused. */
  readonly numbers: readonly number[]
}

/** Dead letters, blocked events and records in which each text does what a terminal would obey. */
export async function hostileScene(t: Cleanup, letters: number): Promise<HostileScene> {
  const scene = emptyScene(t)
  // A character NUL is in no key of an outbox.
  const all = commandsOfTerminals.slice(1).map((_, n) => recordOf(n + 1))
  await runServices(scene, [], async () => {})
  const log = scene.config.log()
  await log.append(all)
  await log.close()
  const database = scene.config.services[1]!.database!()
  const numbers: number[] = []
  const made = Array.from({ length: letters }, (_, n) => letterOf(n))
  const [verdict] = await database.commit([
    async (sql) => {
      for (const letter of made) await insertLetter(sql, letter)
      const rows = await addToOutbox(sql, all, 0)
      const refusals = rows.map((row, n) => ({ row, errorClass: hostile(n, 'Error'), message: hostile(n, 'message') }))
      await insertBlocked(sql, refusals, 0)
      numbers.push(...rows.map(({ seq }) => seq))
    },
  ])
  assert.equal(verdict?.ok === false ? verdict.error : undefined, undefined)
  await database.close()
  return { scene, letterIds: made.map(({ id }) => id), numbers }
}
