import type { LogInspection, TopicInfo } from '../../contracts/log.ts'
import { type TracedLetter, tracedLetters, tracedWaiting } from '../../ledger/traces.ts'
import type { Call } from '../program/command.ts'
import { CommandError, exit } from '../program/exit.ts'
import { counted, grouped } from '../program/output.ts'
import type { ServiceLedger } from '../program/session.ts'
import { eventOfLetter, eventOfWaiting, eventsMax, type Looked, scanLog, type TracedEvent } from './events.ts'

/** All that was found of one correlation. */
export interface Found {
  readonly correlationId: string
  readonly events: readonly TracedEvent[]
  readonly letters: readonly LetterOf[]
  readonly looked: Looked
}

export interface LetterOf {
  readonly service: string
  readonly letter: TracedLetter
}

interface Places {
  readonly call: Call
  readonly ledgers: readonly ServiceLedger[]
  readonly inspection: LogInspection
  readonly topics: readonly TopicInfo[]
  readonly max: number
}

const candidatesMax = 10

/**
 * Everything of the correlation that `typed` is part of: an event id, a correlation id, or the beginning of one.
 *
 * **Errors** exit code 3 where nothing is found, 2 with the candidates where several correlations are meant.
 */
export async function findTrace(places: Places, typed: string): Promise<Found> {
  const isMeant = (id: string): boolean => id.startsWith(typed)
  const first = await search(places, typed, ({ id, correlationId }) => isMeant(id) || isMeant(correlationId))
  const exact = first.events.filter(({ id, correlationId }) => id === typed || correlationId === typed)
  const events = exact.length > 0 ? exact : first.events
  const [correlationId, ...others] = new Set(events.map((event) => event.correlationId))
  if (correlationId === undefined) throw notFound(typed, first.looked)
  if (others.length > 0) throw ambiguous(typed, events)
  if (isMeant(correlationId))
    return { correlationId, ...first, events: first.events.filter((event) => event.correlationId === correlationId) }
  // The id of one event: the others of its correlation begin in some other way.
  return { correlationId, ...(await search(places, correlationId, (event) => event.correlationId === correlationId)) }
}

type Search = Omit<Found, 'correlationId'>

async function search(
  { call, ledgers, inspection, topics, max }: Places,
  start: string,
  isWanted: (event: TracedEvent) => boolean,
): Promise<Search> {
  const letters: LetterOf[] = []
  const found: (TracedEvent | undefined)[] = []
  for (const { database, service } of ledgers) {
    for (const letter of await tracedLetters(database, start, eventsMax))
      letters.push({ service: service.name, letter })
    found.push(...(await tracedWaiting(database, start, eventsMax)).map(eventOfWaiting))
  }
  const scan = await scanLog(inspection, topics, { max, isWanted, signal: call.io.signal })
  // What the log holds comes before what letters remember of it, and that before what an outbox has not yet removed.
  const all = [...scan.events, ...letters.map(({ letter }) => eventOfLetter(letter)), ...found]
  const byId = new Map<string, TracedEvent>()
  for (const event of all) if (event !== undefined && isWanted(event) && !byId.has(event.id)) byId.set(event.id, event)
  return { events: [...byId.values()], letters, looked: scan.looked }
}

function notFound(typed: string, looked: Looked): CommandError {
  const isAll = looked.records >= looked.of
  return new CommandError(
    exit.notFound,
    `No event and no correlation has the id "${typed}", or one that begins like it.`,
    isAll ? `All ${counted(looked.of, 'record')} of the log and all ledgers were looked at.` : incomplete(looked),
  )
}

/** What was not looked at. */
export const incomplete = ({ records, of }: Looked, found = 0): string =>
  found >= eventsMax
    ? `It has ${grouped(eventsMax)} events or more; ${grouped(records)} of ${counted(of, 'record')} were looked at.`
    : `Only the newest ${grouped(records)} of ${counted(of, 'record')} were looked at: --max ${of} looks at all of them.`

function ambiguous(typed: string, events: readonly TracedEvent[]): CommandError {
  const byCorrelation = new Map(
    events.map(({ id, type, correlationId }) => [correlationId, { id, type, correlationId }]),
  )
  const candidates = [...byCorrelation.values()].slice(0, candidatesMax)
  const lines = candidates.map(({ id, type, correlationId }) => `  ${correlationId}  with ${type} ${id}`)
  const more = byCorrelation.size > candidates.length ? [`  and ${byCorrelation.size - candidates.length} more`] : []
  const message = [`${typed} is the beginning of ids in several correlations:`, ...lines, ...more].join('\n')
  return new CommandError(exit.usage, message, 'Type more of the id.', candidates)
}
