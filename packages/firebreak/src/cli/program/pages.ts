import type { Call } from './command.ts'
import type { ServiceLedger } from './session.ts'

/** What a list goes through. */
export interface PageQuery {
  readonly ledgers: readonly ServiceLedger[]
  /** The place of the one that the list begins behind. */
  readonly after: string | undefined
  readonly max: number
}

/** What is asked of one ledger. */
export interface LedgerPage {
  readonly max: number
  readonly after?: string
}

/** What has an id that begins with the time. */
export interface Newest<P> {
  idOf(pick: P): string
  list(ledger: ServiceLedger, page: LedgerPage): Promise<readonly P[]>
}

// What is listed has payloads and stacks of its own: so many at a time, however many are asked for.
export const pageMax = 100

/** Page by page, newest first, so that any number of them takes the memory of one page. */
export async function* newestPages<P>(query: PageQuery, { idOf, list }: Newest<P>): AsyncGenerator<readonly P[]> {
  let [behind, left] = [query.after, query.max]
  while (left > 0) {
    const max = Math.min(left, pageMax)
    const picks: P[] = []
    for (const ledger of query.ledgers)
      picks.push(...(await list(ledger, { max, ...(behind === undefined ? {} : { after: behind }) })))
    const page = picks.sort((a, b) => (idOf(a) < idOf(b) ? 1 : idOf(a) > idOf(b) ? -1 : 0)).slice(0, max)
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    if (page.length < max) return
    behind = idOf(last)
    left -= max
  }
}

/** How a list is shown. */
export interface Listing<Q extends PageQuery, P> {
  pages(query: Q): AsyncIterable<readonly P[]>
  /** Where the list goes on behind this one, for `--after`. */
  placeOf(pick: P): string
  /** The fields before the list in `--json`, its name there, and one row of it. */
  readonly json: {
    readonly head: Readonly<Record<string, unknown>>
    readonly name: string
    readonly row: (pick: P) => unknown
  }
  /** Adds rows to the table; `isMore`: to those of a page before. **Shape** how people name the first of them. */
  showRows(picks: readonly P[], isMore: boolean): string
}

/** What a list has shown: how many, how people name the first, and the place of the last if there are more. */
export interface Shown {
  readonly count: number
  readonly first: string | undefined
  readonly next: string | null
}

/** Shows a list page by page, as rows or as the whole document of `--json`. */
export async function showPages<Q extends PageQuery, P>(
  { output }: Call,
  query: Q,
  { pages, placeOf, json, showRows }: Listing<Q, P>,
): Promise<Shown> {
  const document = output.openList(json.head, json.name)
  let [count, last, next]: [number, P | undefined, string | null] = [0, undefined, null]
  let first: string | undefined
  // One more than asked for: whether there is a next page.
  for await (const page of pages({ ...query, max: query.max + 1 })) {
    const picks = page.slice(0, query.max - count)
    if (output.json) for (const pick of picks) document.add(json.row(pick))
    else if (picks.length > 0) {
      const shown = showRows(picks, first !== undefined)
      first ??= shown
    }
    count += picks.length
    last = picks.at(-1) ?? last
    if (picks.length < page.length && last !== undefined) next = placeOf(last)
  }
  if (output.json) document.end({ next })
  return { count, first, next }
}
