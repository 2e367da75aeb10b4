/** What the processes of a run say to each other over their IPC channel. */
import type { ErrorCode } from 'firebreak'
import type { Check, ServiceResult } from '../../model/result.ts'
import type { Arm, Scenario } from '../../model/scenario.ts'
import type { Outcome } from '../../sim/visit.ts'
import type { CallCounts } from './http.ts'
import type { LogPlace } from './log.ts'

/** What one process is for. `broker` keeps the embedded log open for the others. */
export type Role =
  | { readonly kind: 'service'; readonly service: string }
  | { readonly kind: 'consumer'; readonly edge: string }
  | { readonly kind: 'load' }
  | { readonly kind: 'broker' }

export interface Setup {
  readonly role: Role
  readonly scenario: Scenario
  readonly arm: Arm
  readonly dilation: number
  readonly place: LogPlace
  /** A folder of this arm, for databases. */
  readonly folder: string
  /** Topics and services of this arm begin with it. */
  readonly prefix: string
}

/** Ports of the services by name. */
export type Ports = Readonly<Record<string, number>>

/** One at a time; each is answered. */
export type Order =
  | { readonly kind: 'set-up'; readonly setup: Setup }
  | { readonly kind: 'connect'; readonly ports: Ports }
  /** `atMs`: when the run begins, on the wall clock of the machine. */
  | { readonly kind: 'start'; readonly atMs: number }
  | { readonly kind: 'status' }
  | { readonly kind: 'report' }
  | { readonly kind: 'stop' }

export type News =
  | { readonly kind: 'answer'; readonly value: unknown }
  /** It cannot go on. */
  | { readonly kind: 'failed'; readonly reason: string; readonly known: KnownError | null }

/** An error of firebreak, on its way to the parent. */
export interface KnownError {
  readonly code: ErrorCode
  readonly detail: Readonly<Record<string, string>>
}

/** How far a process is. */
export interface Status {
  /** Requests, visits or messages that something is still to be done for here, arrivals to come included. */
  readonly open: number
  readonly published: number
  readonly settled: number
}

/** A request from outside. **Units** µs of the scenario, in all records */
export interface RequestRecord {
  readonly n: number
  readonly salt: number
  readonly key: number
  readonly critical: boolean
  /** Attempts that it takes if nothing fails. */
  readonly needs: number
  readonly arrivedUs: number
  /** null: not answered when the run ended. */
  readonly answeredUs: number | null
  readonly outcome: Outcome
}

export interface PublishedRecord {
  readonly edge: string
  readonly number: number
  readonly n: number
  readonly salt: number
  readonly atUs: number
}

export interface SettledRecord {
  readonly edge: string
  readonly number: number
  readonly atUs: number
  readonly outcome: Outcome
}

/** What there was at the end of a window. */
export interface WindowSample {
  readonly busy: number
  readonly queued: number
  /** Open breakers. */
  readonly open: number
}

/** The figures of a service that its own process has drawn up. */
export interface ServiceReport {
  readonly result: ServiceResult
  readonly little: Check
  readonly capacity: Check
  /** Visits from the start of the run, and how far their stats are from adding up. */
  readonly arrivals: number
  readonly missing: number
}

export interface Report {
  readonly requests: readonly RequestRecord[]
  readonly published: readonly PublishedRecord[]
  readonly settled: readonly SettledRecord[]
  /** Calls and deliveries that were started, per window. */
  readonly attempts: readonly number[]
  readonly samples: readonly WindowSample[]
  readonly breakerOpens: number
  /** By the service called. */
  readonly calls: Readonly<Record<string, CallCounts>>
  readonly service: ServiceReport | null
}

export const emptyReport: Report = {
  requests: [],
  published: [],
  settled: [],
  attempts: [],
  samples: [],
  breakerOpens: 0,
  calls: {},
  service: null,
}
