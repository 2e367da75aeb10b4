import { DomainError } from './domain-error.ts'

/** Letters become two digits, A 10 to Z 35; the number is far above 2^53, so the remainder is taken digit by digit. */
const mod97 = (text: string): number => {
  let remainder = 0
  for (const character of text) {
    for (const digit of String(Number.parseInt(character, 36))) remainder = (remainder * 10 + Number(digit)) % 97
  }
  return remainder
}

/** IBAN for a national account number. Source: ISO 13616, check digits by ISO 7064 MOD 97-10. */
export const ibanFor = (country: string, bban: string): string => {
  if (!/^[A-Z]{2}$/.test(country) || !/^[A-Z0-9]{11,30}$/.test(bban)) {
    throw new DomainError('bad_identifier', `${country} ${bban} cannot become an IBAN`)
  }
  const check = 98 - mod97(`${bban}${country}00`)
  return `${country}${String(check).padStart(2, '0')}${bban}`
}

export const isIban = (text: string): boolean => {
  const compact = text.replaceAll(' ', '')
  return /^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(compact) && mod97(compact.slice(4) + compact.slice(0, 4)) === 1
}

/** Groups of four, as printed on paper. */
export const formatIban = (iban: string): string => (iban.match(/.{1,4}/g) ?? []).join(' ')

/** The last two digits of a Belgian account number check the first ten; 0 is written 97. */
export const belgianBban = (tenDigits: string): string => {
  const check = Number(tenDigits) % 97
  return tenDigits + String(check === 0 ? 97 : check).padStart(2, '0')
}
