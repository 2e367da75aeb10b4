import { DomainError } from './domain-error.ts'
import type { Money, RateBp } from './units.ts'

const BP_PER_ONE = 10_000

/** ISO codes that Intl formats but that are no money one can owe. */
const NO_MONEY = new Set(['XXX', 'XTS'])

/** Decimals of the minor unit, by ISO 4217 as Intl knows it: EUR 2, JPY 0, BHD 3. */
export const currencyDecimals = (currency: string): number => {
  if (!/^[A-Z]{3}$/.test(currency) || NO_MONEY.has(currency)) {
    throw new DomainError('unknown_currency', `${currency} is not a currency an amount can be in`)
  }
  return (
    new Intl.NumberFormat('en', {
      style: 'currency',
      currency,
    }).resolvedOptions().maximumFractionDigits ?? 2
  )
}

export const money = (minor: number, currency: string): Money => {
  if (!Number.isSafeInteger(minor)) {
    throw new DomainError('unsafe_amount', `${minor} ${currency} is not a safe integer of minor units`)
  }
  return { minor, currency }
}

export const addMoney = (a: Money, b: Money): Money => {
  if (a.currency !== b.currency) {
    throw new DomainError('currency_mismatch', `cannot add ${b.currency} to ${a.currency}`)
  }
  return money(a.minor + b.minor, a.currency)
}

export const sumMoney = (amounts: readonly Money[], currency: string): Money =>
  amounts.reduce(addMoney, money(0, currency))

/** Half away from zero, so that a credit note mirrors its invoice to the cent. BigInt: the product may pass 2^53. */
export const divideHalfUp = (numerator: bigint, denominator: bigint): bigint => {
  const magnitude = numerator < 0n ? -numerator : numerator
  const rounded = (2n * magnitude + denominator) / (2n * denominator)
  return numerator < 0n ? -rounded : rounded
}

/** amount * numerator / denominator, rounded once, half up. */
export const timesRatio = (amount: Money, numerator: number, denominator: number): Money =>
  money(Number(divideHalfUp(BigInt(amount.minor) * BigInt(numerator), BigInt(denominator))), amount.currency)

export const timesRate = (amount: Money, rateBp: RateBp): Money => timesRatio(amount, rateBp, BP_PER_ONE)

/** The amount as an exact decimal string, `-12.05`; Intl takes the string without going through a float. */
export const decimalOf = (amount: Money): `${number}` => {
  const decimals = currencyDecimals(amount.currency)
  const digits = String(Math.abs(amount.minor)).padStart(decimals + 1, '0')
  const split = digits.length - decimals
  const fraction = decimals === 0 ? '' : `.${digits.slice(split)}`
  return `${amount.minor < 0 ? '-' : ''}${digits.slice(0, split)}${fraction}` as `${number}`
}

export const formatMoney = (amount: Money, locale: string): string =>
  new Intl.NumberFormat(locale, {
    style: 'currency',
    currency: amount.currency,
  }).format(decimalOf(amount))
