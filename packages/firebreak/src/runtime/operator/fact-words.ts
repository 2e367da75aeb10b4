import type { Fact } from '../../contracts/journal.ts'
import { masked } from '../../contracts/text/masked.ts'
import { keptText } from '../../contracts/text/text-of.ts'
import { visibleLine } from '../../contracts/text/visible.ts'

export type Level = 'info' | 'warn' | 'error'

export const factTextMax = 2000

// What goes well, record by record, is for metrics.
const levels: Readonly<Record<Fact['kind'], Level | null>> = {
  started: 'info',
  stopped: 'info',
  claimed: 'info',
  released: 'info',
  done: null,
  duplicate: null,
  skipped: null,
  published: null,
  parked: 'info',
  cancelled: 'info',
  failed: 'warn',
  expired: 'warn',
  rewound: 'warn',
  'offset-gap': 'warn',
  'infrastructure-error': 'warn',
  'schedule-missed': 'warn',
  'breaker-opened': 'warn',
  'breaker-closed': 'info',
  'budget-spent': 'warn',
  'error-after-commit': 'error',
  'dead-lettered': 'error',
  blocked: 'error',
  'schedule-failed': 'error',
  halted: 'error',
}

/** How much a kind of fact matters to people; null where it is for metrics only. */
export const levelOf = (kind: Fact['kind']): Level | null => levels[kind]

/** Text of others on one line: no control characters, and no credentials that can be recognised. */
export const factLine = (text: string, max: number = factTextMax): string => masked(visibleLine(keptText(text, max)))
