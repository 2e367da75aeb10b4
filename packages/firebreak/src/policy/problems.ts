/** What is wrong with one setting, in words: its name, what it may be, and what it is. Empty when it is sound. */
export type Problems = readonly string[]

// From JavaScript it may be a text, and texts compare like numbers.
export const isAtLeast = (value: number, least: number): boolean => Number.isFinite(value) && value >= least

export function atLeast(name: string, value: number, least: number): Problems {
  return isAtLeast(value, least) ? [] : [`${name} must be ${least} or more and finite, not ${shown(value)}`]
}

export function whole(name: string, value: number, { min, max }: { min: number; max?: number }): Problems {
  if (Number.isSafeInteger(value) && value >= min && value <= (max ?? value)) return []
  return [`${name} must be a whole number from ${min}${max === undefined ? '' : ` to ${max}`}, not ${shown(value)}`]
}

export function within(name: string, value: number, { min, max }: { min: number; max: number }): Problems {
  return isAtLeast(value, min) && value <= max ? [] : [`${name} must be from ${min} to ${max}, not ${shown(value)}`]
}

export function oneOf(name: string, value: string, known: readonly string[]): Problems {
  if (known.includes(value)) return []
  return [`${name} must be ${known.slice(0, -1).join(', ')} or ${known.at(-1)}, not ${shown(value)}`]
}

/** Any value as a problem shows it: from JavaScript it may be one that has no text of its own. */
export function shown(value: unknown): string {
  if (typeof value === 'function' || (typeof value === 'object' && value !== null))
    return `a value of type ${typeof value}`
  return String(value)
}
