import type { RouteCalculated } from '../../contracts/payloads.ts'
import type { LetterFix } from '../../platform/messages.ts'
import { type Reader, tariffBehind } from './store.ts'

/**
 * What the invoice of a dead letter lacks, and whether it is there by now. The table is asked, not the log: a published tariff
 * waits behind the backlog, and a replay that comes before it fails as before.
 */
export const fixOf = async (sql: Reader, message: string): Promise<LetterFix | null> => {
  const tariffId = /no tariff has the id (\S+)/.exec(message)?.[1]
  return tariffId === undefined ? null : { tariffId, isDone: (await tariffBehind(sql, tariffId)) !== tariffId }
}

/** The order of a route, from the bytes of the event; null for anything else. */
export const orderOf = (value: Uint8Array | null): string | null => {
  try {
    const { stops } = JSON.parse(new TextDecoder().decode(value ?? new Uint8Array())) as RouteCalculated
    return stops[0]?.orderId ?? null
  } catch {
    return null
  }
}
