import { DomainError } from '../values/domain-error.ts'
import { addMoney, money, sumMoney, timesRate, timesRatio } from '../values/money.ts'
import { plusSeconds } from '../values/time.ts'
import type { Instant, LdmCm, Metres, Money, RateBp, TruckClass } from '../values/units.ts'

const METRES_PER_KM = 1_000
const TRAILER_LDM_CM: LdmCm = 1_360
/** A part load pays a third more than its share of the floor: the rest of the trailer is not always sold. */
const PART_LOAD_PERCENT = 133
const QUOTE_VALID_S = 24 * 3_600

export type Service = 'FTL' | 'LTL'
export type Tariff = {
  readonly tariffId: string
  readonly currency: string
  readonly perKmMinor: Readonly<Record<TruckClass, number>>
  readonly minimumMinor: number
  readonly dieselBp: RateBp
}
export type FreightLine = {
  readonly text: string
  readonly quantity: number
  readonly unit: 'KMT' | 'C62'
  readonly unitPrice: Money
  readonly net: Money
}
export type Quote = {
  readonly quoteId: string
  readonly tariffId: string
  readonly net: Money
  readonly distanceM: Metres
  readonly validUntil: Instant
}

const tariffs: readonly Tariff[] = [
  {
    tariffId: 'STANDARD-2026',
    currency: 'EUR',
    perKmMinor: { RIGID: 118, ARTIC: 138, REEFER: 162 },
    minimumMinor: 9_500,
    dieselBp: 640,
  },
  {
    tariffId: 'CONTRACT-2026',
    currency: 'EUR',
    perKmMinor: { RIGID: 109, ARTIC: 127, REEFER: 149 },
    minimumMinor: 8_500,
    dieselBp: 580,
  },
  {
    tariffId: 'REEFER-2026',
    currency: 'EUR',
    perKmMinor: { RIGID: 121, ARTIC: 136, REEFER: 154 },
    minimumMinor: 11_000,
    dieselBp: 690,
  },
]

export const tariffOf = (tariffId: string): Tariff => {
  const tariff = tariffs.find((candidate) => candidate.tariffId === tariffId)
  if (tariff === undefined) throw new DomainError('unknown_tariff', `no tariff has the id ${tariffId}`)
  return tariff
}

/** Loaded distance in whole kilometres, half up, at least one; a part load pays its share of the trailer's length. */
export const chargeableM = (distanceM: Metres, service: Service, ldmCm: LdmCm): Metres => {
  const isFull = service === 'FTL'
  const numerator = distanceM * (isFull ? 1 : Math.min(TRAILER_LDM_CM, ldmCm) * PART_LOAD_PERCENT)
  const denominator = METRES_PER_KM * (isFull ? 1 : TRAILER_LDM_CM * 100)
  const km = Math.floor((2 * numerator + denominator) / (2 * denominator))
  return Math.max(1, Math.min(km, Math.round(distanceM / METRES_PER_KM))) * METRES_PER_KM
}

/** Kilometres times rate, up to the minimum freight, plus diesel on both; each line rounded on its own. */
export const freightLines = (tariff: Tariff, truckClass: TruckClass, chargeable: Metres): readonly FreightLine[] => {
  const perKm = money(tariff.perKmMinor[truckClass], tariff.currency)
  const freight = timesRatio(perKm, chargeable, METRES_PER_KM)
  const lines: FreightLine[] = [
    {
      text: `Freight ${truckClass}`,
      quantity: chargeable / METRES_PER_KM,
      unit: 'KMT',
      unitPrice: perKm,
      net: freight,
    },
  ]
  const missing = money(Math.max(0, tariff.minimumMinor - freight.minor), tariff.currency)
  if (missing.minor > 0) {
    lines.push({
      text: 'Supplement to minimum freight',
      quantity: 1,
      unit: 'C62',
      unitPrice: missing,
      net: missing,
    })
  }
  const diesel = timesRate(addMoney(freight, missing), tariff.dieselBp)
  const rate = (tariff.dieselBp / 100).toFixed(2)
  if (diesel.minor > 0) {
    lines.push({
      text: `Diesel surcharge ${rate} %`,
      quantity: 1,
      unit: 'C62',
      unitPrice: diesel,
      net: diesel,
    })
  }
  return lines
}

/** The class a load asks for: cooled when it has a temperature, else the smallest that carries it. */
export const requiredClass = (load: {
  readonly weightG: number
  readonly ldmCm: LdmCm
  readonly isCooled: boolean
}): TruckClass => {
  if (load.isCooled) return 'REEFER'
  return load.weightG <= 9_000_000 && load.ldmCm <= 720 ? 'RIGID' : 'ARTIC'
}

export type QuoteRequest = {
  readonly quoteId: string
  readonly tariffId: string
  readonly truckClass: TruckClass
  readonly service: Service
  readonly ldmCm: LdmCm
  readonly distanceM: Metres
  readonly at: Instant
}

/** The same request always gives the same price; an invoice for the same kilometres gives the same lines. */
export const quoteFreight = (request: QuoteRequest): Quote => {
  const tariff = tariffOf(request.tariffId)
  const chargeable = chargeableM(request.distanceM, request.service, request.ldmCm)
  const nets = freightLines(tariff, request.truckClass, chargeable).map((line) => line.net)
  return {
    quoteId: request.quoteId,
    tariffId: request.tariffId,
    net: sumMoney(nets, tariff.currency),
    distanceM: request.distanceM,
    validUntil: plusSeconds(request.at, QUOTE_VALID_S),
  }
}
