/**
 * Whether two values are one and the same JSON: equal, and made of nothing but what JSON carries as it is.
 *
 * It is asked for every event that is published, so it is as cheap as it can be: `false` may also mean that it is not known.
 *
 * I1 What is found to be the same has at most `sizeMax` nodes and characters, and the walk ends when there are more: a value
 *    that refers to its parts many times may have more than can be counted.
 */
export function isSameJson(one: unknown, other: unknown, sizeMax: number): boolean {
  return leftOf(one, other, { sizeMax, isLoose: false }) >= 0
}

/**
 * Whether a schema has at most left out and added fields: what is in both is the same, and all that it made is what JSON
 * carries as it is. I1 holds here too.
 */
export function isKeptJson(given: unknown, made: unknown, sizeMax: number): boolean {
  return leftOf(given, made, { sizeMax, isLoose: true }) >= 0
}

const differs = -1

function leftOf(one: unknown, other: unknown, { sizeMax, isLoose }: { sizeMax: number; isLoose: boolean }): number {
  try {
    return sizeLeft(one, other, sizeMax, isLoose)
  } catch {
    return differs // A getter or a trap threw, or it goes round.
  }
}

/** What is left of `size` behind this value; below zero where the two differ or nothing is left. */
function sizeLeft(given: unknown, made: unknown, size: number, isLoose: boolean): number {
  if (typeof made === 'string') return given === made ? size - 1 - made.length : differs
  if (typeof made === 'boolean') return given === made ? size - 1 : differs
  // Zero and minus zero are one number in a comparison; NaN and Infinity JSON does not know.
  if (typeof made === 'number') return given === made && Number.isFinite(made) ? size - 1 : differs
  if (made === null) return given === null ? size - 1 : differs
  if (typeof made !== 'object' || typeof given !== 'object' || given === null) return differs
  if (Array.isArray(made)) return Array.isArray(given) ? leftOfItems(given, made, size - 1, isLoose) : differs
  if (!isPlain(made) || (given !== made && !isPlain(given))) return differs
  return leftOfFields(given as Fields, made as Fields, size - 1, isLoose)
}

type Fields = Readonly<Record<string, unknown>>

function leftOfItems(given: readonly unknown[], made: readonly unknown[], size: number, isLoose: boolean): number {
  // First: a list may say that it is longer than any memory.
  if (given.length !== made.length || made.length > size) return differs
  let left = size
  for (let i = 0; i < made.length && left >= 0; i++) left = sizeLeft(given[i], made[i], left, isLoose)
  return left
}

function leftOfFields(given: Fields, made: Fields, size: number, isLoose: boolean): number {
  const names = Object.keys(made)
  if (!isLoose && given !== made && Object.keys(given).length !== names.length) return differs
  let left = size
  for (const name of names) {
    const value = made[name]
    // JSON leaves it out, as a schema may.
    if (isLoose && value === undefined) continue
    const was = given[name]
    const isAdded = was === undefined
    if ((isAdded && !isLoose) || name === '__proto__') return differs
    left = sizeLeft(isAdded ? value : was, value, left, isLoose)
    if (left < 0) return left
  }
  return left
}

/** An object as JSON makes one. Fields that a symbol names are none. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  if (prototype === Object.prototype) return true
  // A row of a database; but an error may have lost its prototype too.
  return prototype === null && Object.prototype.toString.call(value) === '[object Object]'
}
