import { FirebreakError } from 'firebreak/internal'
import type { Fault } from '../model/scenario.ts'
import type { ChannelFaults, FaultTargets, Health } from './parts.ts'
import { wellHealth } from './station.ts'
import { toUs, type VirtualTime } from './virtual-time.ts'

/**
 * Sets the faults of an arm to their times. Those that hold at the same time add up: factors multiply, and what one of them
 * stops stands still until the last one is over.
 *
 * **Errors** `FB_CONFIG` with every target that is not there
 */
export function setFaults(faults: readonly Fault[], targets: FaultTargets, time: VirtualTime): void {
  const problems = faults.filter((fault) => !isKnown(fault, targets)).map(({ kind, target }) => `${kind}: no ${target}`)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const holding = new Set<Fault>()
  for (const fault of faults) {
    const begin = (): void => {
      holding.add(fault)
      apply(fault, [...holding], targets)
    }
    const end = (): void => {
      holding.delete(fault)
      apply(fault, [...holding], targets)
    }
    time.at(toUs(fault.atMs), { ticket: 0, fire: begin })
    if (fault.forMs !== Number.POSITIVE_INFINITY) time.at(toUs(fault.atMs + fault.forMs), { ticket: 0, fire: end })
  }
}

/** What all faults together make of a service. */
export function healthUnder(faults: readonly Fault[]): Health {
  let { capacity, latencyFactor, isDown, isHung } = wellHealth
  let sound = 1
  for (const fault of faults) {
    if (fault.kind === 'crash') isDown = true
    else if (fault.kind === 'hang') isHung = true
    else if (fault.kind === 'capacity') capacity *= fault.value
    else if (fault.kind === 'latency') latencyFactor *= fault.value
    else if (fault.kind === 'errors') sound *= 1 - fault.value
  }
  return { isDown, isHung, capacity, latencyFactor, errors: 1 - sound }
}

const isOfService = ({ kind }: Fault): boolean => kind !== 'partition' && kind !== 'broker-down' && kind !== 'hold'

function isKnown(fault: Fault, { stations, links, channels }: FaultTargets): boolean {
  if (isOfService(fault)) return stations.has(fault.target)
  if (fault.kind === 'broker-down' && fault.target === 'broker') return true
  return channels.has(fault.target) || (fault.kind === 'partition' && links.has(fault.target))
}

function apply(fault: Fault, holding: readonly Fault[], { stations, links, channels }: FaultTargets): void {
  const same = holding.filter(({ target }) => target === fault.target)
  if (isOfService(fault)) {
    stations.get(fault.target)?.setHealth(healthUnder(same.filter(isOfService)))
    return
  }
  const link = links.get(fault.target)
  if (link !== undefined) link.isCut = same.some(({ kind }) => kind === 'partition')
  for (const [id, channel] of channels)
    if (id === fault.target || fault.target === 'broker') channel.setFaults(faultsOf(id, holding))
}

function faultsOf(id: string, holding: readonly Fault[]): ChannelFaults {
  const hits = (kind: Fault['kind'], ...targets: readonly string[]): boolean => {
    return holding.some((fault) => fault.kind === kind && targets.includes(fault.target))
  }
  return { isCut: hits('partition', id), isHeld: hits('hold', id), isBrokerDown: hits('broker-down', id, 'broker') }
}
