import type { Clock } from '../contracts/clock.ts'
import { filled } from '../contracts/option.ts'
import { inLedger } from '../ledger/ledger-place.ts'
import { systemClock } from '../node/clock.ts'
import { systemEntropy } from '../node/entropy.ts'
import { DeadlineWatch } from '../policy/deadline-watch.ts'
import { DependencyGate } from './calls/dependency-gate.ts'
import { Committer } from './commit/committer.ts'
import { deliver } from './delivery/deliver.ts'
import { Lanes } from './delivery/lanes.ts'
import { Parking } from './delivery/parking.ts'
import { Backpressure } from './instance/backpressure.ts'
import { Facts, type Listening } from './instance/facts.ts'
import type { Instance } from './instance/instance.ts'
import { type Limits, limitDefaults } from './instance/limits.ts'
import { noDatabase } from './instance/no-database.ts'
import { RunState } from './instance/run-state.ts'
import type { RuntimeOptions } from './instance/runtime-options.ts'
import { Slots } from './instance/slots.ts'
import { ChangeWatch } from './intake/change-watch.ts'
import { Consumer } from './intake/consumer.ts'
import { JobIntake } from './jobs/job-intake.ts'
import { ScheduleRunner } from './jobs/schedule-runner.ts'
import { JobMaker } from './message/job-maker.ts'
import { PayloadWriter } from './message/payload-writer.ts'
import { Publisher } from './message/publisher.ts'
import { TopicSettings } from './message/topic-settings.ts'
import { Warnings } from './operator/warnings.ts'
import { Relay } from './outbox/relay.ts'
import type { Delivery } from './partition/partition.ts'

/** The parts of one instance, each made with those that it needs. */
export interface Parts {
  readonly instance: Instance
  readonly facts: Facts
  readonly runState: RunState
  readonly relay: Relay
  readonly parking: Parking
  readonly backpressure: Backpressure
  readonly lanes: Lanes
  readonly consumer: Consumer
  readonly changes: ChangeWatch
  readonly jobs: JobIntake
  readonly schedules: ScheduleRunner
}

/** Makes the parts of an instance; nothing happens yet. */
export function wire(options: RuntimeOptions): Parts {
  const runState = new RunState()
  const clock = options.clock ?? systemClock
  const facts = new Facts(options.service.name, listening(options, clock), clock)
  const instance = instanceOf({ ...options, clock }, facts, runState)
  const deliverOne = (delivery: Delivery): ReturnType<typeof deliver> => deliver(instance, delivery)
  const relay = new Relay(instance)
  const jobs = new JobIntake(instance)
  instance.committer.connect(relay, jobs)
  const parking = new Parking(instance, deliverOne)
  const backpressure = new Backpressure(instance.limits, relay)
  const lanes = new Lanes({ instance, parking, deliver: deliverOne, backpressure })
  const startFrom = options.startFrom ?? 'earliest'
  const consumer = new Consumer({ instance, lanes, parking, relay, backpressure, startFrom })
  const changes = new ChangeWatch(instance, { consumer, relay, parking })
  const schedules = new ScheduleRunner(instance)
  return { instance, facts, runState, relay, parking, backpressure, lanes, consumer, changes, jobs, schedules }
}

/** Without an observer warnings are printed, so that a first program that fails does not fail in silence. */
function listening({ service, observe }: RuntimeOptions, clock: Clock): Listening {
  if (observe === false) return {}
  return observe === undefined ? { unheard: new Warnings(service.name, clock) } : { observe }
}

function instanceOf(options: RuntimeOptions & { clock: Clock }, facts: Facts, runState: RunState): Instance {
  const { service, log, caller, clock } = options
  const entropy = options.entropy ?? systemEntropy
  const database = options.database ?? noDatabase
  const limits = limitsOf(options)
  const topics = new TopicSettings(log)
  const readBack = options.readBack ?? 'when-changed'
  const writer = new PayloadWriter({ clock, readBack, bytesMax: limits.payloadBytesMax })
  const sizes = { payload: limits.payloadBytesMax, topics }
  const { random } = entropy
  const onError = (error: unknown): void => facts.emit({ kind: 'infrastructure-error', where: 'database', error })
  const name = options.instance ?? `${service.name}-${entropy.hex(4)}`
  const inboxWindowMs = limits.inboxWindowMs
  return {
    service,
    log,
    database: inLedger(database),
    ownDatabase: database,
    clock,
    entropy,
    limits,
    ledger: { id: null },
    mirror: options.mirrorDeadLetters ?? false,
    name,
    writer,
    jobMaker: new JobMaker(service, { clock, entropy, writer }),
    publisher: new Publisher(service, { clock, entropy, writer }, sizes),
    topics,
    committer: new Committer({ database, clock, inboxWindowMs, random, onError, instance: name }),
    slots: new Slots(limits.handlersMax),
    jobSlots: new Slots(limits.jobsMax),
    caller,
    gate: new DependencyGate(service, caller?.dependencies, random),
    deadlines: new DeadlineWatch(clock),
    stopping: runState.stopping,
    emit: (fact) => facts.emit(fact),
    hears: (kind) => facts.hears(kind),
    halt: (error) => runState.halt(error),
  }
}

function limitsOf({ log, service, limits }: RuntimeOptions): Limits {
  // A default must fit the log; what is asked for and does not fit is a problem at the start.
  const payloadBytesMax = Math.min(limitDefaults.payloadBytesMax, log.capabilities.recordBytesMax)
  const { handlersMax } = service
  return filled({ ...limitDefaults, payloadBytesMax, handlersMax }, limits)
}
