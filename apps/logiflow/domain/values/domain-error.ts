export type DomainErrorCode =
  | 'unknown_currency'
  | 'currency_mismatch'
  | 'unsafe_amount'
  | 'unknown_place'
  | 'unknown_customer'
  | 'unknown_tariff'
  | 'unknown_truck'
  | 'unreachable'
  | 'not_on_route'
  | 'not_a_payer'
  | 'bad_identifier'

/** A rule of the domain was broken by its input; the same input fails again, so retrying is useless. */
export class DomainError extends Error {
  readonly code: DomainErrorCode
  constructor(code: DomainErrorCode, message: string) {
    super(message)
    this.name = 'DomainError'
    this.code = code
  }
}
