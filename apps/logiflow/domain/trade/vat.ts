import { sumMoney, timesRate } from '../values/money.ts'
import type { Money, RateBp } from '../values/units.ts'
import { isVatId } from '../values/vat-id.ts'

const STANDARD_RATE_BP: RateBp = 2_100
const REVERSE_CHARGE_COUNTRIES = new Set(['BE', 'LU'])
export const REVERSE_CHARGE_TEXT =
  'VAT reverse charge: VAT is to be accounted for by the customer, articles 44 and 196 of Directive 2006/112/EC (btw verlegd).'

/** Categories of UNCL 5305: S standard rate, AE reverse charge. */
export type VatCategory = 'S' | 'AE'
export type VatTreatment = {
  readonly category: VatCategory
  readonly rateBp: RateBp
  readonly exemptionReason?: string
}
export type VatGroup = VatTreatment & {
  readonly taxable: Money
  readonly tax: Money
}
export type TaxedLine = {
  readonly net: Money
  readonly vatCategory: VatCategory
  readonly vatRateBp: RateBp
}

/** Reverse charge needs the VAT ids of both sides (EN 16931 BR-AE-02); without a valid one the Dutch rate applies. */
export const vatTreatment = (buyer: { readonly country: string; readonly vatId: string | null }): VatTreatment =>
  REVERSE_CHARGE_COUNTRIES.has(buyer.country) && buyer.vatId !== null && isVatId(buyer.vatId)
    ? { category: 'AE', rateBp: 0, exemptionReason: REVERSE_CHARGE_TEXT }
    : { category: 'S', rateBp: STANDARD_RATE_BP }

/** Sums rounded lines exactly (BR-CO-10), then takes tax once per category and rate (BR-S-09, BR-AE-09). */
export const vatBreakdown = (lines: readonly TaxedLine[], currency: string): readonly VatGroup[] => {
  const groups = Map.groupBy(lines, (line) => `${line.vatCategory} ${line.vatRateBp}`)
  return [...groups.values()].map((group): VatGroup => {
    const { vatCategory: category, vatRateBp: rateBp } = group[0] ?? {
      vatCategory: 'S',
      vatRateBp: STANDARD_RATE_BP,
    }
    const taxable = sumMoney(
      group.map((line) => line.net),
      currency,
    )
    const reason = category === 'AE' ? { exemptionReason: REVERSE_CHARGE_TEXT } : {}
    return {
      category,
      rateBp,
      taxable,
      tax: timesRate(taxable, rateBp),
      ...reason,
    }
  })
}
