import type { Clock } from '../../contracts/clock.ts'
import type { Database } from '../../contracts/database.ts'
import type { Entropy } from '../../contracts/entropy.ts'
import type { ServiceDefinition } from '../../define/service.ts'

/** Who does it and why: kept with the letter. */
export interface Decision {
  readonly by: string
  readonly note: string
}

export interface OperatorDeps {
  readonly database: Database
  readonly service: ServiceDefinition
  readonly clock: Clock
  readonly entropy: Entropy
  /** After a change, so that a runtime in this process goes on at once. */
  readonly onChange: () => void
}

/** Every instance counts its jobs in an account of its own; this is that of everybody who is none. */
export const accountOfPeople = 'people'
