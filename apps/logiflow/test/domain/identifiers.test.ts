import assert from 'node:assert/strict'
import { test } from 'node:test'
import { customers } from '../../domain/trade/customers.ts'
import { seller } from '../../domain/trade/seller.ts'
import { belgianBban, formatIban, ibanFor, isIban } from '../../domain/values/iban.ts'
import { gs1CheckDigit, isSscc, sscc } from '../../domain/values/sscc.ts'
import { isVatId } from '../../domain/values/vat-id.ts'

test("GS1's own example keeps its check digit", () => {
  assert.equal(gs1CheckDigit('37610425002123456'), 9)
  assert.ok(isSscc('376104250021234569'))
})

test('an SSCC has 18 digits and every single wrong digit is caught', () => {
  const code = sscc(3, '8712345', 4567)
  assert.match(code, /^38712345\d{10}$/)
  assert.ok(isSscc(code))
  for (let index = 0; index < code.length; index++) {
    const wrong = String((Number(code[index]) + 1) % 10)
    assert.ok(!isSscc(code.slice(0, index) + wrong + code.slice(index + 1)))
  }
  assert.throws(() => sscc(3, '8712345', 10_000_000_000))
})

test('IBAN check digits are those of the published examples', () => {
  assert.equal(ibanFor('NL', 'ABNA0417164300'), 'NL91ABNA0417164300')
  assert.equal(ibanFor('BE', belgianBban('5390075470')), 'BE68539007547034')
  assert.equal(ibanFor('LU', '0019400644750000'), 'LU280019400644750000')
  assert.equal(formatIban('BE68539007547034'), 'BE68 5390 0754 7034')
})

test('an IBAN with two digits swapped is refused', () => {
  assert.ok(isIban('NL91 ABNA 0417 1643 00'))
  assert.ok(!isIban('NL91ABNA0471164300'))
})

test('VAT ids carry check digits of their country', () => {
  assert.ok(isVatId('BE0202239951'))
  assert.ok(isVatId('LU26375245'))
  assert.ok(isVatId('NL004495445B01'))
  assert.ok(!isVatId('BE0202239952'))
  assert.ok(!isVatId('NL004495446B01'))
  assert.ok(!isVatId('DE136695976'))
})

test('every customer and the seller have an IBAN, and a VAT id unless they have none, that pass their checks', () => {
  assert.equal(customers.length, 60)
  for (const party of [...customers, seller]) {
    assert.ok(isIban(party.iban), party.name)
    assert.ok(party.vatId === null || isVatId(party.vatId), party.name)
  }
})
