import { type Cursor, isFirebreakError, type Log, type LogEntry, type LogRecord, type Position } from 'firebreak'
import { partitionId } from '../../src/contracts/log.ts'
import type { History, Sent } from './history.ts'

/** Names the attempt that stored a record. The event id cannot: an event may be appended again under its id. */
const sendHeader = 'x-send'

export const sendIdOf = ({ headers }: Pick<LogEntry, 'headers'>): string => headers[sendHeader] ?? 'nameless'

/** A log that writes down what is asked of it and what it answers. */
export function recordedLog(log: Log, history: History): Log {
  return {
    capabilities: log.capabilities,
    ensureTopics: (topics) => log.ensureTopics(topics),
    append: (records) => append(log, history, records),
    async open(group, topics, options) {
      return recordedCursor(await log.open(group, topics, options), history, { group, cursor: history.nextCall() })
    },
    inspect: () => log.inspect(),
    close: () => log.close(),
    [Symbol.asyncDispose]: () => log.close(),
  }
}

async function append(log: Log, history: History, records: readonly LogRecord[]): ReturnType<Log['append']> {
  const call = history.nextCall()
  const named = records.map((record, i): LogRecord => {
    // What is to be refused is passed on as it is.
    if (typeof record.headers !== 'object' || record.headers === null) return record
    return { ...record, headers: { ...record.headers, [sendHeader]: `${history.process}#${call}.${i}` } }
  })
  const sent = named.map(({ topic, key, headers }): Sent => {
    return { id: headers?.[sendHeader] ?? '', event: headers?.['ce_id'] ?? null, topic, key }
  })
  history.note({ f: 'send', type: 'invoke', call, value: sent })
  try {
    const places = await log.append(named)
    history.note({ f: 'send', type: 'ok', call, value: places.map((at) => [partitionId(at), at.offset]) })
    return places
  } catch (error) {
    history.note({ f: 'send', type: isRefusal(error) ? 'fail' : 'info', call, value: String(error) })
    throw error
  }
}

/** The errors of which the port says that nothing was appended. */
const isRefusal = (error: unknown): boolean =>
  isFirebreakError(error, 'FB_RECORD_TOO_LARGE') ||
  isFirebreakError(error, 'FB_RECORD_REFUSED') ||
  isFirebreakError(error, 'FB_TOPIC_UNKNOWN')

function recordedCursor(cursor: Cursor, history: History, of: { group: string; cursor: number }): Cursor {
  let held = ''
  const noteAssignment = (): void => {
    const value = cursor.assignment().map(partitionId).sort()
    if (value.join() === held) return
    held = value.join()
    history.note({ f: 'assign', type: 'info', ...of, value })
  }
  return {
    async poll(limit) {
      const entries = await cursor.poll(limit)
      noteAssignment()
      if (entries.length > 0) history.note({ f: 'poll', type: 'ok', ...of, value: byPartition(entries) })
      return entries
    },
    commit: (next) => commit(cursor, next, { history, of }),
    assignment() {
      const partitions = cursor.assignment()
      noteAssignment()
      return partitions
    },
    pause: (partitions) => cursor.pause(partitions),
    close: () => cursor.close(),
  }
}

async function commit(
  cursor: Cursor,
  next: readonly Position[],
  { history, of }: { history: History; of: { group: string; cursor: number } },
): Promise<void> {
  const call = history.nextCall()
  const value = Object.fromEntries(next.map((at) => [partitionId(at), at.offset]))
  history.note({ f: 'commit', type: 'invoke', ...of, call, value })
  const askedAtMs = performance.now()
  try {
    await cursor.commit(next)
    history.note({ f: 'commit', type: 'ok', ...of, call })
  } catch (error) {
    const refused = performance.now() - askedAtMs < secondTryMs ? refusedBy(error) : []
    if (refused.length === 0) history.note({ f: 'commit', type: 'info', ...of, call })
    else history.note({ f: 'commit', type: 'fail', ...of, call, value: refused })
    throw error
  }
}

/**
 * No adapter tries again sooner. A caller that is refused later may have been refused at a second try, after a first one that got
 * through and whose answer did not.
 */
const secondTryMs = 15

/** What the error names: it belongs to somebody else. The port leaves it open what came of other partitions. */
function refusedBy(error: unknown): readonly string[] {
  return isFirebreakError(error, 'FB_FENCED') ? String(error.detail['partition']).split(', ') : []
}

function byPartition(entries: readonly LogEntry[]): Record<string, [number, string][]> {
  const found: Record<string, [number, string][]> = {}
  for (const entry of entries) {
    const list = found[partitionId(entry)] ?? []
    found[partitionId(entry)] = list
    list.push([entry.offset, sendIdOf(entry)])
  }
  return found
}
