import type { Fault } from '../../model/scenario.ts'
import { setFaults } from '../../sim/fault-board.ts'
import type { FaultTargets } from '../../sim/parts.ts'
import type { VirtualTime } from '../../sim/virtual-time.ts'

/** Sets the faults that hit this process to their times. */
export function setRealFaults(faults: readonly Fault[], targets: Partial<FaultTargets>, calendar: VirtualTime): void {
  const all: FaultTargets = { stations: new Map(), links: new Map(), channels: new Map(), ...targets }
  const hits = ({ target }: Fault): boolean =>
    target === 'broker' || Object.values(all).some((part) => part.has(target))
  setFaults(faults.filter(hits), all, calendar)
}
