import { type Mode, type Result, wirings } from '../result.ts'

type Nights = readonly (readonly [Mode, Result])[]

/** **Units** of the drawings; the page scales them, and a letter of 13 units stays readable on a phone. */
const WIDTH = 420
const LEFT = 46
const RIGHT = 10
const PANEL = 62
const GAP = 34
const TOP = 26
const BOTTOM = 36

type Scale = (second: number) => number

const scaleTo =
  (endS: number): Scale =>
  (second) =>
    LEFT + (second / endS) * (WIDTH - LEFT - RIGHT)
const round = (value: number): string => String(Math.round(value * 10) / 10)

/** Steps of 1, 2 or 5 times a power of ten that make about this many ticks. */
const ticks = (max: number, about: number): readonly number[] => {
  const raw = Math.max(1, max / about)
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw) ?? raw
  return Array.from({ length: Math.floor(max / step) + 1 }, (_, index) => index * step)
}

const svg = (height: number, label: string, content: string): string =>
  `<svg class="plot" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label}">${content}</svg>`

const timeAxis = (x: Scale, endS: number, y: number): string => {
  const marks = ticks(endS, 6).map(
    (second) => `<text x="${round(x(second))}" y="${y + 16}" text-anchor="middle">${second}</text>`,
  )
  return `${marks.join('')}<text class="axis" x="${WIDTH - RIGHT}" y="${y + 32}" text-anchor="end">seconds into the night</text>`
}

const brokenBand = (result: Result, x: Scale, y: number, height: number): string => {
  const from = result.crashedAtS[0]
  if (from === undefined) return ''
  const width = Math.max(1, x(result.fixedAtS) - x(from))
  return `<rect class="broken" x="${round(x(from))}" y="${y}" width="${round(width)}" height="${height}"/>`
}

const crashMarks = (result: Result, x: Scale, y: number): string =>
  result.crashedAtS
    .map((second) => `<path class="crash" d="M${round(x(second) - 3)} ${y - 3}l6 6m0 -6l-6 6"/>`)
    .join('')

/** A step for every second: the area under the share of customers who got an answer, and above it those who got none. */
const answeredPanel = ([mode, result]: readonly [Mode, Result], x: Scale, top: number): string => {
  const bottom = top + PANEL
  const { answered } = result.curve
  const y = (share: number): string => round(bottom - share * PANEL)
  const steps = answered.map((share, second) => `V${y(share ?? 1)}H${round(x(second + 1))}`).join('')
  const end = round(x(answered.length))
  const says = result.badSeconds === 0 ? 'no errors' : `${result.badSeconds} s with errors`
  return [
    `<text class="title" x="${LEFT}" y="${top - 8}">${wirings[mode].name}</text>`,
    `<text x="${WIDTH - RIGHT}" y="${top - 8}" text-anchor="end">${says}</text>`,
    `<rect class="lost" x="${LEFT}" y="${top}" width="${round(x(answered.length) - LEFT)}" height="${PANEL}"/>`,
    `<path class="under ${mode}" d="M${LEFT} ${bottom}${steps}V${bottom}Z"/>`,
    `<rect class="frame" x="${LEFT}" y="${top}" width="${round(x(answered.length) - LEFT)}" height="${PANEL}"/>`,
    ...[1, 0].map(
      (share) => `<text x="${LEFT - 6}" y="${round(Number(y(share)) + 4)}" text-anchor="end">${share * 100} %</text>`,
    ),
    brokenLine(result, x, bottom + 6),
    `<path class="base" d="M${LEFT} ${bottom}H${end}"/>`,
  ].join('')
}

/** Under each panel: from the first crash to the fix, with a cross for every crash. */
const brokenLine = (result: Result, x: Scale, y: number): string =>
  brokenBand(result, x, y - 1.5, 3) + crashMarks(result, x, y)

/** What customers could do, second by second: one panel a night, on one time axis. */
export const answeredChart = (nights: Nights): string => {
  const endS = Math.max(...nights.map(([, { curve }]) => curve.answered.length))
  const x = scaleTo(endS)
  const panels = nights.map((night, index) => answeredPanel(night, x, TOP + index * (PANEL + GAP)))
  const bottom = TOP + nights.length * (PANEL + GAP) - GAP
  const label = nights
    .map(([mode, { badSeconds }]) => `${wirings[mode].name}: ${badSeconds} seconds with errors`)
    .join('; ')
  return svg(
    bottom + BOTTOM + 8,
    `Share of customers answered. ${label}.`,
    panels.join('') + timeAxis(x, endS, bottom + 8),
  )
}

/** Orders without an invoice over time: one line a night. */
export const uninvoicedChart = (nights: Nights): string => {
  const height = 250
  const endS = Math.max(...nights.map(([, { curve }]) => curve.uninvoiced.length - 1))
  const most = Math.max(1, ...nights.flatMap(([, { curve }]) => curve.uninvoiced))
  const x = scaleTo(endS)
  const y = (count: number): number => TOP + height - (count / (most * 1.05)) * height
  const grid = ticks(most * 1.05, 4).map(
    (count) =>
      `<path class="grid" d="M${LEFT} ${round(y(count))}H${WIDTH - RIGHT}"/>` +
      `<text x="${LEFT - 6}" y="${round(y(count) + 4)}" text-anchor="end">${count}</text>`,
  )
  const fixedAtS = Math.round(nights.reduce((sum, [, night]) => sum + night.fixedAtS, 0) / nights.length)
  const fixed =
    `<path class="fixed" d="M${round(x(fixedAtS))} ${TOP}V${TOP + height}"/>` +
    `<text x="${round(x(fixedAtS) + 5)}" y="${TOP - 8}">invoicing fixed</text>`
  const lines = nights.map(([mode, { curve }]) => {
    // A night that is over stays as it ended.
    const values = Array.from(
      { length: endS + 1 },
      (_, second) => curve.uninvoiced[second] ?? curve.uninvoiced.at(-1) ?? 0,
    )
    return `<path class="line ${mode}" d="M${values.map((value, second) => `${round(x(second))} ${round(y(value))}`).join('L')}"/>`
  })
  const label = nights
    .map(([mode, { curve }]) => `${wirings[mode].name}: ${curve.uninvoiced.at(-1) ?? 0} left at the end`)
    .join('; ')
  return svg(
    TOP + height + BOTTOM,
    `Orders without an invoice. ${label}.`,
    grid.join('') + fixed + lines.join('') + timeAxis(x, endS, TOP + height),
  )
}
