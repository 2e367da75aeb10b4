import { isFirebreakError } from '../../contracts/errors.ts'
import type { Decision } from '../../runtime/operator/operator-deps.ts'
import type { ScheduleState } from '../../runtime/operator/schedules.ts'
import type { OptionSpec } from '../program/args.ts'
import type { Call } from '../program/command.ts'
import { CommandError, exit } from '../program/exit.ts'
import { ledgersOf } from '../program/pick-by-id.ts'
import type { ServiceLedger } from '../program/session.ts'

/** A schedule and the service it belongs to. */
export interface SchedulePick {
  readonly ledger: ServiceLedger
  readonly schedule: ScheduleState
}

/** Who changes a schedule and why. */
export const scheduleChangeOptions: Readonly<Record<string, OptionSpec>> = {
  service: { value: 'name', help: 'only this service' },
  by: { value: 'name', help: 'who decides; default your user name' },
  reason: { value: 'text', help: 'kept with the schedule' },
}

export const decisionOf = ({ args, io }: Call): Decision => ({
  by: args.text('by') ?? io.user,
  note: args.text('reason') ?? '',
})

/** Service by service, by name. */
export async function schedulePicks(call: Call): Promise<readonly SchedulePick[]> {
  const picks: SchedulePick[] = []
  for (const ledger of await ledgersOf(call))
    for (const schedule of await ledger.schedules.list()) picks.push({ ledger, schedule })
  return picks
}

/**
 * The one that an operand names. **Errors** exit code 3 when no service has it, 2 when several have, `FB_SCHEDULE_NOT_FOUND` for one that
 * is not defined any more.
 */
export async function scheduleNamed(call: Call, name: string): Promise<SchedulePick> {
  const found = (await schedulePicks(call)).filter(({ schedule }) => schedule.name === name)
  const [first] = found
  if (first === undefined)
    throw new CommandError(exit.notFound, `There is no schedule ${name}.`, 'List them with: firebreak schedules list')
  if (found.length === 1) return first
  const candidates = found.map(({ ledger }) => ({ name, service: ledger.service.name }))
  const names = candidates.map(({ service }) => service).join(', ')
  const message = `Several services have a schedule ${name}: ${names}.`
  throw new CommandError(exit.usage, message, 'Name one with --service. Nothing was changed.', candidates)
}

/** **Errors** exit code 1 for what the code of the service throws when it is asked for its job. */
export async function askingItsCode<T>(name: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (isFirebreakError(error)) throw error
    throw new CommandError(exit.failed, `The schedule ${name} has failed: ${String(error)}`, 'Nothing was enqueued.')
  }
}
