import type { Results } from './result.ts'

/** Which promises do not hold; empty when all do. Bands, not values: machines differ. */
export const broken = (results: Results, isShort: boolean): readonly string[] => {
  // In a short night a quick machine is back before everybody has waited in vain.
  const { badSecondsMin, portalBelow } = isShort
    ? { badSecondsMin: 4, portalBelow: 0.85 }
    : { badSecondsMin: 60, portalBelow: 0.6 }
  const problems: string[] = []
  const expect = (holds: boolean, claim: string): void => void (holds || problems.push(claim))
  const { rest, events } = results
  if (rest !== undefined) {
    expect(
      rest.duringOutage.portalSuccess < portalBelow,
      `rest: the portal fails with invoicing (below ${portalBelow * 100} % during the outage)`,
    )
    expect(rest.badSeconds > badSecondsMin, `rest: more than ${badSecondsMin} bad seconds`)
    expect(rest.invoices.duplicated > 0, 'rest: retries without a key invoice twice')
  }
  if (events !== undefined) {
    expect(events.portal.ok / events.portal.offered >= 0.999, 'events: the portal answers 99.9 % all night')
    expect(
      events.invoices.lost === 0 && events.invoices.duplicated === 0,
      'events: every route is invoiced exactly once',
    )
    expect(events.backlogAtEnd === 0, 'events: nothing is left in the backlog')
    expect(events.ledgerImbalance === 0, 'events: the ledgers account for every record')
    expect(events.deadLetters === 0, 'events: no innocent message is a dead letter')
  }
  if (rest !== undefined && events !== undefined)
    expect(Math.abs(rest.crashes - events.crashes) <= 1, 'both: the invoice process crashes as often')
  return problems
}
