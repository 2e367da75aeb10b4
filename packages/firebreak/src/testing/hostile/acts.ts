import type { Database } from '../../contracts/database.ts'
import type { Entropy } from '../../contracts/entropy.ts'
import type { Act } from './act.ts'
import { contextActs } from './context-acts.ts'
import { definitionActs } from './definition-acts.ts'
import { handlerActs } from './handler-acts.ts'
import { observerActs } from './observer-acts.ts'
import { sessionActs } from './session-acts.ts'
import { sqlActs } from './sql-acts.ts'

/** Every act there is. A new one is a line in the file of its group. */
export const hostileActs: readonly Act[] = Object.freeze([
  ...handlerActs,
  ...contextActs,
  ...sqlActs,
  ...sessionActs,
  ...observerActs,
  ...definitionActs,
])

/** Those that can be played on an engine. */
export const actsOn = (dialect: Database['capabilities']['dialect']): readonly Act[] =>
  hostileActs.filter(({ needs }) => needs === undefined || needs === dialect)

/** Draws an act: first its group, so that a group with many acts does not crowd out the others. */
export function drawAct(acts: readonly Act[], entropy: Pick<Entropy, 'random'>): Act {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(entropy.random() * from.length)] as T
  const group = pick([...new Set(acts.map((act) => act.group))])
  return pick(acts.filter((act) => act.group === group))
}
