import type { Part, Style } from './paint.ts'
import { widthOf, wrap } from './text-width.ts'

/** Lines, each in its parts. */
export type Lines = readonly (readonly Part[])[]

/** A name or a command, and what it is about. */
export type Pair = readonly [string, string]

const leftWidth = (pairs: readonly Pair[]): number => Math.max(...pairs.map(([left]) => widthOf(left)))

/** Names and what they mean, side by side; what does not fit goes on below itself. */
export function namedLines(pairs: readonly Pair[], width: number): Lines {
  const left = leftWidth(pairs)
  const room = Math.max(20, width - left - 4)
  return pairs.flatMap(([name, what]) =>
    wrap(what, room).map((text, n) => [`  ${(n === 0 ? name : '').padEnd(left)}  ${text}`.trimEnd()]),
  )
}

/** Commands and what each is for: side by side where all of them fit, else below each other. */
export function commandLines(pairs: readonly Pair[], width: number, style: Style): Lines {
  const left = leftWidth(pairs)
  if (pairs.every(([, what]) => left + widthOf(what) + 4 <= width))
    return pairs.map(([line, what]) => [`  ${line.padEnd(left)}  ${what}`.trimEnd()])
  return pairs.flatMap(([line, what]) => [
    [`  ${line}`],
    ...(what === '' ? [] : wrap(what, width - 6).map((text) => ['      ', style.dim(text)])),
  ])
}
