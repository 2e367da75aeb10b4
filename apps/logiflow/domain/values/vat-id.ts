const WEIGHTS_NL = [9, 8, 7, 6, 5, 4, 3, 2]

/** Ninth digit of a Dutch company number, or null where the sum leaves 10 and no number exists. */
export const dutchCheckDigit = (eightDigits: string): number | null => {
  const sum = WEIGHTS_NL.reduce((total, weight, index) => total + weight * Number(eightDigits[index]), 0)
  return sum % 11 === 10 ? null : sum % 11
}

export const belgianCheckDigits = (eightDigits: string): string =>
  String(97 - (Number(eightDigits) % 97)).padStart(2, '0')

export const luxembourgCheckDigits = (sixDigits: string): string => String(Number(sixDigits) % 89).padStart(2, '0')

/** Format and check digits of a Dutch (legal entity), Belgian or Luxembourg VAT id; whether it is registered is VIES' business. */
export const isVatId = (vatId: string): boolean => {
  const digits = vatId.slice(2)
  switch (vatId.slice(0, 2)) {
    case 'NL':
      return /^\d{9}B\d{2}$/.test(digits) && dutchCheckDigit(digits.slice(0, 8)) === Number(digits[8])
    case 'BE':
      return /^[01]\d{9}$/.test(digits) && belgianCheckDigits(digits.slice(0, 8)) === digits.slice(8)
    case 'LU':
      return /^\d{8}$/.test(digits) && luxembourgCheckDigits(digits.slice(0, 6)) === digits.slice(6)
    default:
      return false
  }
}
