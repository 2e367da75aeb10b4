import { toRfc3339 } from '../../node/clock.ts'
import type { ScheduleState } from '../../runtime/operator/schedules.ts'
import type { Command } from '../program/command.ts'
import { exit } from '../program/exit.ts'
import { counted } from '../program/output.ts'
import { type SchedulePick, schedulePicks } from './pick.ts'

export const schedulesList: Command = {
  name: 'schedules list',
  summary: 'list schedules: when they run next, and which are paused',
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  examples: [
    { line: 'schedules list', what: 'those of all services' },
    { line: 'schedules list --service invoicing', what: 'those of one' },
    { line: "schedules list --json | jq -r '.schedules[].next'", what: 'for scripts' },
  ],
  options: { service: { value: 'name', help: 'only this service' } },
  notes: [
    'Times are those of the zone. With --json they are also there in UTC. A schedule that is removed\nis not defined by its service any more.',
  ],
  async run(call) {
    const { output } = call
    const picks = await schedulePicks(call)
    if (output.json) output.document({ schedules: picks.map(detailOf) })
    else if (picks.length === 0) output.note('There are no schedules.')
    else {
      output.table(
        [
          { title: 'SCHEDULE', flexible: true, paint: output.style.cyan },
          { title: 'SERVICE', flexible: true },
          { title: 'STATE' },
          { title: 'CRON', flexible: true },
          { title: 'ZONE', flexible: true },
          { title: 'NEXT' },
          { title: 'LAST', optional: true },
        ],
        picks.map(rowOf),
      )
      const paused = picks.filter(({ schedule }) => schedule.state === 'paused').length
      output.note(`${counted(picks.length, 'schedule')}${paused === 0 ? '' : `, ${paused} paused`}.`)
    }
    return exit.ok
  },
}

const rowOf = ({ ledger, schedule }: SchedulePick): readonly string[] => {
  const { name, state, cron, zone, next, last } = schedule
  return [name, ledger.service.name, state, cron, zone, next?.local ?? '-', last?.local ?? '-']
}

function detailOf({ ledger, schedule }: SchedulePick): Readonly<Record<string, unknown>> {
  const { name, state, cron, zone, next, last, changed } = schedule
  return {
    name,
    service: ledger.service.name,
    state,
    cron,
    zone,
    next: next && toRfc3339(next.atMs),
    nextLocal: next?.local ?? null,
    last: last && toRfc3339(last.atMs),
    lastLocal: last?.local ?? null,
    changed: changedOf(changed),
  }
}

const changedOf = (changed: ScheduleState['changed']): object | null =>
  changed === null ? null : { at: toRfc3339(changed.atMs), by: changed.by, note: changed.note }
