import { DomainError } from './domain-error.ts'

const SSCC_DIGITS = 18

/** GS1 mod-10: weights 3 and 1 alternate from the right. */
export const gs1CheckDigit = (digits: string): number => {
  const sum = [...digits].reduce((total, digit, index) => {
    const weight = (digits.length - index) % 2 === 1 ? 3 : 1
    return total + weight * Number(digit)
  }, 0)
  return (10 - (sum % 10)) % 10
}

/** Serial Shipping Container Code: extension digit, company prefix, serial padded to fit, check digit. Source: GS1 General Specifications. */
export const sscc = (extension: number, companyPrefix: string, serial: number): string => {
  const serialDigits = String(serial).padStart(SSCC_DIGITS - 2 - companyPrefix.length, '0')
  const body = `${extension}${companyPrefix}${serialDigits}`
  if (!/^\d{17}$/.test(body))
    throw new DomainError('bad_identifier', `serial ${serial} does not fit behind ${companyPrefix}`)
  return `${body}${gs1CheckDigit(body)}`
}

export const isSscc = (text: string): boolean =>
  /^\d{18}$/.test(text) && gs1CheckDigit(text.slice(0, 17)) === Number(text[17])
