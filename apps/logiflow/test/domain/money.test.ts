import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DomainError } from '../../domain/values/domain-error.ts'
import {
  addMoney,
  currencyDecimals,
  decimalOf,
  divideHalfUp,
  formatMoney,
  money,
  sumMoney,
  timesRate,
  timesRatio,
} from '../../domain/values/money.ts'

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof DomainError && error.code === code

test('half a cent rounds away from zero, so a credit note mirrors its invoice', () => {
  assert.equal(divideHalfUp(5n, 10n), 1n)
  assert.equal(divideHalfUp(-5n, 10n), -1n)
  assert.equal(divideHalfUp(4n, 10n), 0n)
  assert.equal(divideHalfUp(14n, 10n), 1n)
})

test('a rate is exact above 2^53, where a float product is not', () => {
  const amount = money(Number.MAX_SAFE_INTEGER, 'EUR')
  assert.equal(timesRate(amount, 2100).minor, Number((BigInt(amount.minor) * 2100n + 5000n) / 10000n))
})

test('rounding is off by half a minor unit at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 1e12 }), fc.integer({ min: 0, max: 10_000 }), (minor, rateBp) => {
      const tax = timesRate(money(minor, 'EUR'), rateBp).minor
      const error = BigInt(tax) * 20_000n - BigInt(minor) * BigInt(rateBp) * 2n
      assert.ok(error <= 10_000n && error >= -10_000n)
    }),
    { seed: 7, numRuns: 300 },
  )
})

test('166 km at 1.38 EUR is 229.08, its VAT 48.11, together 277.19', () => {
  const net = timesRatio(money(138, 'EUR'), 166_000, 1000)
  const tax = timesRate(net, 2100)
  assert.deepEqual([net.minor, tax.minor, addMoney(net, tax).minor], [22_908, 4_811, 27_719])
})

test('decimals come from ISO 4217: yen has none, dinar of Bahrain three', () => {
  assert.deepEqual(['EUR', 'JPY', 'BHD'].map(currencyDecimals), [2, 0, 3])
  assert.equal(decimalOf(money(1205, 'JPY')), '1205')
  assert.equal(decimalOf(money(-5, 'EUR')), '-0.05')
  assert.equal(decimalOf(money(1205, 'BHD')), '1.205')
})

test('XXX is a code for no currency and is refused', () => {
  assert.throws(() => currencyDecimals('XXX'), hasCode('unknown_currency'))
  assert.throws(() => formatMoney(money(1, 'XXX'), 'nl-NL'), hasCode('unknown_currency'))
})

test('an amount is written the way the customer writes it', () => {
  const amount = money(123_456_78, 'EUR')
  assert.equal(formatMoney(amount, 'nl-NL').replaceAll(/\s/g, ' '), '€ 123.456,78')
  assert.equal(formatMoney(amount, 'fr-BE').replaceAll(/\s/g, ' '), '123 456,78 €')
  assert.equal(formatMoney(money(9_007_199_254_740_991, 'EUR'), 'en-US'), '€90,071,992,547,409.91')
})

test('amounts of two currencies cannot be added, and fractions of a minor unit do not exist', () => {
  assert.throws(() => sumMoney([money(1, 'EUR'), money(1, 'SEK')], 'EUR'), hasCode('currency_mismatch'))
  assert.throws(() => money(0.5, 'EUR'), hasCode('unsafe_amount'))
})
