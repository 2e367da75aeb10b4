/** Numbers as people read them. Whatever is no number becomes a dash, so that no report shows NaN or Infinity. */

/** Stands for a figure that there is not. */
export const dash = '–'

// A figure and its unit stay on one line.
const space = '\u00a0'

/** **Units** a share between 0 and 1. What is not all is never shown as 100 %, what is not nothing never as 0 %. */
export function percent(share: number | null): string {
  if (share === null || !Number.isFinite(share)) return dash
  const text = (share * 100).toFixed(1)
  if (text === '100.0' && share < 1) return `>99.9${space}%`
  if (text === '0.0' && share > 0) return `<0.1${space}%`
  return `${text.replace(/\.0$/, '')}${space}%`
}

/** Whole numbers in groups of three; means over replications keep a digit while they are small. */
export function count(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return dash
  const isWhole = Number.isInteger(value) || Math.abs(value) >= 100
  const text = isWhole ? Math.round(value).toFixed(0) : trimmed(value, Math.abs(value) < 0.095 ? 3 : 1)
  return Math.abs(value) < 9999.5 ? text : text.replace(/\B(?=(\d{3})+$)/g, space)
}

/** **Units** ms in; the unit that leaves one to three digits out. */
export function duration(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return dash
  const size = Math.abs(ms)
  if (size < 999.5) return `${trimmed(ms, size < 0.95 ? 2 : size < 9.95 ? 1 : 0)}${space}ms`
  if (size < 119_500) return `${trimmed(ms / 1000, size < 9950 ? 1 : 0)}${space}s`
  if (size < 7_170_000) return `${trimmed(ms / 60_000, size < 597_000 ? 1 : 0)}${space}min`
  return `${trimmed(ms / 3_600_000, 1)}${space}h`
}

/** A point in time of a run: figures that stand beside each other have one unit. **Units** ms in */
export function moment(ms: number): string {
  if (!Number.isFinite(ms)) return dash
  if (ms < 600_000) return `${trimmed(ms / 1000, 1)}${space}s`
  return ms < 21_600_000 ? `${trimmed(ms / 60_000, 1)}${space}min` : `${trimmed(ms / 3_600_000, 2)}${space}h`
}

export function perSecond(rate: number | null): string {
  return rate === null || !Number.isFinite(rate) ? dash : `${count(rate)}/s`
}

/** A ratio with one or two digits. */
export function factor(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return dash
  return Math.abs(value) >= 99.5 ? count(value) : value.toFixed(Math.abs(value) < 9.95 ? 2 : 1)
}

/** Half the width of an interval behind its figure; nothing where there is none. */
export function plusMinus(text: string, half: string | null): string {
  return half === null || text === dash ? text : `${text} ±${space}${half}`
}

/** `a, b and c`. */
export function listed(parts: readonly string[]): string {
  return parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
}

/** `1 message`, `2 messages`. */
export function counted(value: number, one: string, many: string = `${one}s`): string {
  return `${count(value)} ${Math.round(value) === 1 ? one : many}`
}

function trimmed(value: number, digits: number): string {
  const text = value.toFixed(digits)
  const short = text.includes('.') ? text.replace(/\.?0+$/, '') : text
  return short === '-0' ? '0' : short
}
