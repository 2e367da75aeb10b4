import type { Clock } from '../../contracts/clock.ts'
import type { Database } from '../../contracts/database.ts'
import type { Entropy } from '../../contracts/entropy.ts'
import type { RaisedFact } from '../../contracts/journal.ts'
import type { Log } from '../../contracts/log.ts'
import type { ServiceDefinition } from '../../define/service.ts'
import type { DeadlineWatch } from '../../policy/deadline-watch.ts'
import type { Caller } from '../calls/caller.ts'
import type { DependencyGate } from '../calls/dependency-gate.ts'
import type { Committer } from '../commit/committer.ts'
import type { JobMaker } from '../message/job-maker.ts'
import type { PayloadWriter } from '../message/payload-writer.ts'
import type { Publisher } from '../message/publisher.ts'
import type { TopicSettings } from '../message/topic-settings.ts'
import type { Limits } from './limits.ts'
import type { Slots } from './slots.ts'

/** What the parts of one running instance share. Built once by the runtime; nothing in it is looked up elsewhere. */
export interface Instance {
  readonly service: ServiceDefinition
  readonly log: Log
  readonly database: Database
  /** The same for the statements of users. */
  readonly ownDatabase: Pick<Database, 'query'>
  readonly clock: Clock
  readonly entropy: Entropy
  readonly limits: Limits
  /** Its name among the instances of its service. */
  readonly name: string
  /** Known from the start on; null before. */
  readonly ledger: { id: string | null }
  /** Dead letters are copied to a topic. */
  readonly mirror: boolean
  readonly publisher: Publisher
  readonly topics: TopicSettings
  readonly committer: Committer
  readonly slots: Slots
  /** Places of jobs: events do not wait for them. */
  readonly jobSlots: Slots
  readonly jobMaker: JobMaker
  readonly writer: PayloadWriter
  /** Undefined where nobody calls. */
  readonly caller: Caller | undefined
  readonly gate: DependencyGate
  readonly deadlines: DeadlineWatch
  /** Aborts when the runtime is to stop, or halts: what fails from then on is nobody's failure. */
  readonly stopping: AbortSignal
  readonly emit: (fact: RaisedFact) => void
  /** Whether anybody hears facts of a kind: asked before one that every record would have is built. */
  readonly hears: (kind: RaisedFact['kind']) => boolean
  /** Stops everything: the set-up or the program is wrong, and going on would make it worse. */
  readonly halt: (error: Error) => void
}
