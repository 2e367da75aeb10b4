import type { Fault } from '../../model/scenario.ts'
import type { ChannelFaults } from '../../sim/channel.ts'
import { type FaultTargets, setFaults } from '../../sim/fault-board.ts'
import type { Health } from '../../sim/station.ts'
import type { VirtualTime } from '../../sim/virtual-time.ts'

/** What faults can hit in one process. */
export interface RealTargets {
  readonly stations?: ReadonlyMap<string, { setHealth(health: Health): void }>
  readonly links?: ReadonlyMap<string, { isCut: boolean }>
  readonly channels?: ReadonlyMap<string, { setFaults(faults: ChannelFaults): void }>
}

/** Sets the faults that hit this process to their times. */
export function setRealFaults(faults: readonly Fault[], targets: RealTargets, calendar: VirtualTime): void {
  const all = { stations: new Map(), links: new Map(), channels: new Map(), ...targets }
  const hits = ({ target }: Fault): boolean =>
    target === 'broker' || Object.values(all).some((part) => part.has(target))
  // The board touches no more of its targets than this.
  setFaults(faults.filter(hits), all as unknown as FaultTargets, calendar)
}
