import type { Clock, Timer } from '../../contracts/clock.ts'
import { isFirebreakError } from '../../contracts/errors.ts'
import type { Fact } from '../../contracts/journal.ts'
import { textOf } from '../../contracts/text/text-of.ts'
import { toRfc3339 } from '../../node/clock.ts'
import { toStderr } from '../../node/stderr.ts'
import { factLine, levelOf } from './fact-words.ts'

/** Lines of one kind that are printed within `windowMs`. */
const linesMax = 5
const windowMs = 10_000
const errorMax = 500
const keyMax = 100

const hint =
  'no listener is set, so warnings are printed here. Pass observe: logTo(logger) to have them elsewhere, or observe: false for silence'

/**
 * What people have to know where nobody listens to a runtime: one line a fact on stderr, the first with how to replace them.
 *
 * I1 No line has control characters, or credentials that can be recognised, whatever the data are.
 * I2 Of each kind `linesMax` lines are printed within `windowMs`. How many were left out is printed when that time is over, or
 *    when the runtime stops.
 */
export class Warnings {
  readonly #service: string
  readonly #clock: Clock
  readonly #print: (line: string) => void
  readonly #printed = new Map<Fact['kind'], number>()
  #isHinted = false
  #window: Timer | undefined

  constructor(service: string, clock: Clock, print: (line: string) => void = toStderr) {
    this.#service = service
    this.#clock = clock
    this.#print = print
  }

  readonly hear = (fact: Fact): void => {
    if (fact.kind === 'stopped') this.#endWindow()
    else if (this.hears(fact.kind)) this.#warn(fact)
  }

  hears(kind: Fact['kind']): boolean {
    const level = levelOf(kind)
    return level === 'warn' || level === 'error' || kind === 'stopped'
  }

  #warn(fact: Fact): void {
    if (!this.#isHinted) this.#say(hint)
    this.#isHinted = true
    this.#openWindow()
    const count = (this.#printed.get(fact.kind) ?? 0) + 1
    this.#printed.set(fact.kind, count)
    if (count <= linesMax) this.#say(lineOf(fact))
  }

  #openWindow(): void {
    if (this.#window !== undefined) return
    this.#window = this.#clock.schedule(windowMs, () => this.#endWindow())
    this.#window.keepAlive?.(false)
  }

  #endWindow(): void {
    this.#window?.cancel()
    this.#window = undefined
    for (const [kind, count] of this.#printed)
      if (count > linesMax) this.#say(`${kind}: ${count - linesMax} more were left out`)
    this.#printed.clear()
  }

  #say(text: string): void {
    this.#print(`firebreak ${this.#service}: ${text}`)
  }
}

/** `failed order.placed 0198… of key "4711": no such table: invoices (attempt 1). It is tried again, …` */
function lineOf(fact: Fact): string {
  const said = [fact.kind, ...subjectOf(fact)].join(' ')
  const error = 'error' in fact ? `: ${endless(factLine(textOf(fact.error, errorMax), errorMax))}` : ''
  const attempt = fact.kind === 'failed' ? ` (attempt ${fact.attempt})` : ''
  return `${said}${error}${attempt}. ${remedyOf(fact)}`
}

// The line goes on behind it.
const endless = (text: string): string => text.replace(/[.\s]+$/, '')

function subjectOf(fact: Fact): readonly string[] {
  const words: string[] = []
  if (fact.kind === 'infrastructure-error') words.push(`of the ${fact.where}`)
  if ('partition' in fact) words.push(placeOf(fact.partition))
  if (fact.kind === 'offset-gap') words.push(`from ${fact.from} to ${fact.to}`)
  if ('schedule' in fact) words.push(factLine(fact.schedule, keyMax), `at ${toRfc3339(fact.slotAtMs)}`)
  if ('dependency' in fact) words.push(factLine(fact.dependency, keyMax))
  if (!('eventId' in fact)) return words
  words.push(factLine(fact.eventType ?? 'a record', keyMax))
  if (fact.eventId !== null) words.push(factLine(fact.eventId, keyMax))
  if (fact.key !== null) words.push(`of key "${factLine(fact.key, keyMax)}"`)
  if ('at' in fact && fact.eventId === null) words.push(`at ${placeOf(fact.at)} offset ${fact.at.offset}`)
  return words
}

const placeOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${factLine(topic, keyMax)}/${partition}`

function remedyOf(fact: Fact): string {
  switch (fact.kind) {
    case 'dead-lettered':
      return `Look: firebreak dlq show ${fact.letterId}. When the cause is fixed: firebreak dlq replay ${fact.letterId}`
    case 'blocked':
      return `Its key waits, nothing else: firebreak outbox show ${fact.number}`
    case 'error-after-commit':
      return 'Its effects are committed, and nothing is tried again: let nothing fail behind the transaction.'
    case 'offset-gap':
      return 'They were gone before they were handled: let the topic keep records longer.'
    case 'rewound':
      return 'Its database was put back: what followed is handled again.'
    case 'failed':
      return remedyIn(fact.error) ?? (isWithoutTable(fact.error) ? tableRemedy : failedRemedy)
    case 'schedule-failed':
      return fact.retryInMs === null
        ? (remedyIn(fact.error) ?? nextSlotRemedy)
        : 'It is tried again until the next slot comes.'
    case 'schedule-missed':
      return `No instance ran, and it is too old by now. To run it all the same: firebreak schedules run ${factLine(fact.schedule)}`
    case 'infrastructure-error':
      return remedyIn(fact.error) ?? 'Nothing is lost: work goes on by itself when the cause is gone.'
    case 'halted':
      return remedyIn(fact.error) ?? 'The service has stopped: fix the cause, and start it again.'
    default:
      return 'Calls of it go on by themselves when it answers.'
  }
}

const failedRemedy = 'It is tried again. Throw permanent() where that can never help.'
const nextSlotRemedy = 'It is tried again with the next slot.'
const tableRemedy = 'Create it before the service starts. It is tried again.'

// The first mistake of many: in the words of SQLite and of PostgreSQL.
const isWithoutTable = (error: Error): boolean =>
  /^no such (table|column)|^(relation|column) .* does not exist/.test(textOf(error, errorMax))

const remedyIn = (error: Error): string | undefined => (isFirebreakError(error) ? factLine(error.remedy) : undefined)
