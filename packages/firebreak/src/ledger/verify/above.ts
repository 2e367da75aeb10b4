/**
 * The text in which a partition's row keeps the finished positions beyond the smallest unfinished one, relative to it so
 * that it stays short: `a-b,c,d-e`, inclusive, ascending, disjoint. Empty when there are none.
 */
export type Range = [from: number, to: number]

export function parseAbove(next: number, above: string): Range[] {
  if (above === '') return []
  return above.split(',').map((part): Range => {
    const [from, to] = part.split('-').map(Number)
    return [next + (from as number), next + (to ?? (from as number))]
  })
}

export function formatAbove(next: number, ranges: readonly Readonly<Range>[]): string {
  return ranges.map(([from, to]) => (to > from ? `${from - next}-${to - next}` : `${from - next}`)).join(',')
}

/** How many positions such a text holds. */
export const countAbove = (above: string): number =>
  parseAbove(0, above).reduce((sum, [from, to]) => sum + to - from + 1, 0)
