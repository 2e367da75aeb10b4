import rows from '../../data/customers.json' with { type: 'json' }
import { placeOf } from '../roads/places.ts'
import { DomainError } from '../values/domain-error.ts'
import type { Place } from '../values/units.ts'

/** Names and addresses stay inside the services that need them; events carry the customerId only. */
export type Customer = {
  readonly customerId: string
  readonly name: string
  readonly street: string
  readonly postcode: string
  readonly place: Place
  readonly locale: string
  readonly vatId: string | null
  readonly iban: string
  readonly tariffId: string
  readonly paymentTermDays: number
}

export const customers: readonly Customer[] = rows.map(({ placeId, ...row }) => ({ ...row, place: placeOf(placeId) }))

export const customerOf = (customerId: string): Customer => {
  const customer = customers.find((candidate) => candidate.customerId === customerId)
  if (customer === undefined) throw new DomainError('unknown_customer', `no customer has the id ${customerId}`)
  return customer
}
