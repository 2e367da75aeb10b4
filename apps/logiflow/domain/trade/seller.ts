/** The carrier that drives and invoices; fictional like its bank. */
export const seller: {
  readonly name: string
  readonly street: string
  readonly postcode: string
  readonly city: string
  readonly country: string
  readonly vatId: string
  readonly iban: string
  readonly bic: string
  readonly bank: string
  readonly zone: string
} = {
  name: 'LogiFlow Transport B.V.',
  street: 'Waalhavenweg 203',
  postcode: '3089 KN',
  city: 'Rotterdam',
  country: 'NL',
  vatId: 'NL990203116B01',
  iban: 'NL22VSTB0203203203',
  bic: 'VSTBNL2R',
  bank: 'Veerstad Bank',
  zone: 'Europe/Amsterdam',
}
