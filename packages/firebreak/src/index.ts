import './node/supported-node.ts'

export type {
  AnyCallSignature,
  CallOptions,
  CallRequest,
  CallResponse,
  CallSignature,
  HandlerCallOptions,
} from './contracts/call.ts'
export type { Clock, Timer } from './contracts/clock.ts'
export type { Context } from './contracts/context.ts'
export type {
  Database,
  DatabaseCapabilities,
  Sql,
  SqlParam,
  SqlRow,
  SqlUnit,
  SqlValue,
  Verdict,
} from './contracts/database.ts'
export type { Attempt, DeadReason, Disposition } from './contracts/disposition.ts'
export { hours, minutes, seconds } from './contracts/duration.ts'
export type { Entropy } from './contracts/entropy.ts'
export type { Envelope, Headers } from './contracts/envelope.ts'
export type { ErrorCode, ErrorKind } from './contracts/error-catalogue.ts'
export { type FirebreakError, isFirebreakError, permanent, throttled } from './contracts/errors.ts'
export type {
  AnyEvent,
  EventDefinition,
  Payload,
  PayloadInput,
  Publish,
  TombstoneEvent,
  TombstoneKey,
} from './contracts/event.ts'
export type {
  AnyJob,
  Enqueue,
  Enqueued,
  EnqueueLater,
  EnqueueOptions,
  JobDefinition,
  JobInput,
  JobPayload,
  JobProgress,
  JobResult,
  Priority,
  Rate,
  Unique,
} from './contracts/job.ts'
export type { JobContext } from './contracts/job-context.ts'
export type { Fact, FactListener, Observer } from './contracts/journal.ts'
export type {
  Cursor,
  GroupMember,
  Log,
  LogCapabilities,
  LogEntry,
  LogInspection,
  LogRecord,
  Partition,
  Position,
  TopicInfo,
  TopicSpec,
} from './contracts/log.ts'
export { havingStored, storedOf } from './contracts/log.ts'
export type { AnyMessage, MessageDefinition } from './contracts/message.ts'
export type { Original, OriginalHeader } from './contracts/original.ts'
export type { Schema } from './contracts/schema.ts'
export type { Transaction } from './contracts/transaction.ts'
export { type AsyncApi, type AsyncApiInfo, asyncApiOf } from './define/asyncapi.ts'
export {
  type AnyCall,
  type CallDefinition,
  type CallMethod,
  type CallSpec,
  call,
  type PlainRequest,
} from './define/call.ts'
export { type EventSpec, event } from './define/event.ts'
export type { FinalAnswers } from './define/final-answers.ts'
export {
  type Handler,
  type HandlerOptions,
  type HandlerRun,
  type HandlerSpec,
  type HandlerTerms,
  handle,
  type JobHandler,
  type JobHandlerSpec,
  type JobRun,
} from './define/handle.ts'
export { type JobSpec, job } from './define/job.ts'
export {
  type Manifest,
  type ManifestCall,
  type ManifestEvent,
  type ManifestHandler,
  type ManifestJob,
  type ManifestSchedule,
  type ManifestService,
  type ManifestTopic,
  manifestOf,
} from './define/manifest-of.ts'
export {
  type ScheduleDefinition,
  type ScheduledJob,
  type ScheduleSpec,
  type Slot,
  schedule,
} from './define/schedule.ts'
export { type ServiceDefinition, type ServiceSpec, service } from './define/service.ts'
export { type TopicDefinition, type TopicSettings, topic } from './define/topic.ts'
export type { BlockedAction, BlockedEvent, BlockedFilter, BlockedPage, BlockedState } from './ledger/blocked-events.ts'
export type { JobPage } from './ledger/jobs/find-jobs.ts'
export type { JobDecision } from './ledger/jobs/job-decisions.ts'
export type { JobState, JobView } from './ledger/jobs/read-jobs.ts'
export type {
  DeadLetter,
  DeadLetterAction,
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterState,
} from './ledger/letters.ts'
export { type LedgerReport, type LogView, type PartitionLedger, verifyLedger } from './ledger/verify/verify.ts'
export type { JobLedger } from './ledger/verify/verify-jobs.ts'
export type { Fetch } from './node/fetch.ts'
export { type Isolated, type IsolatedOptions, isolated } from './node/isolated/isolated.ts'
export { policy, policyDefaults } from './policy/definition/policy.ts'
export type {
  BreakerSpec,
  BudgetSpec,
  BulkheadSpec,
  HedgeSpec,
  LimitSpec,
  Policy,
  PolicySpec,
} from './policy/definition/policy-spec.ts'
export { type RetryPolicy, type RetryTime, retryDefaults } from './policy/definition/retry.ts'
export { type Caller, type CallerOptions, createCaller } from './runtime/calls/caller.ts'
export type { DependencyState, Endpoint } from './runtime/calls/dependencies.ts'
export type { Health } from './runtime/instance/health.ts'
export { type Limits, limitDefaults } from './runtime/instance/limits.ts'
export type { RuntimeOptions } from './runtime/instance/runtime-options.ts'
export type { BlockedEvents } from './runtime/operator/blocked-events.ts'
export type { DeadLetters } from './runtime/operator/dead-letters.ts'
export type { Jobs } from './runtime/operator/jobs.ts'
export { type Logger, logTo } from './runtime/operator/log-to.ts'
export type { Decision } from './runtime/operator/operator-deps.ts'
export type { ScheduleState, Schedules } from './runtime/operator/schedules.ts'
export { createRuntime, type Runtime } from './runtime/runtime.ts'
export type { RuntimeStats } from './runtime/stats.ts'
export { type Config, type ConfiguredService, defineConfig } from './runtime/system/config.ts'
export {
  type RunningService,
  type RunningServices,
  type StartAllOptions,
  startAll,
} from './runtime/system/start-all.ts'
export { type SqliteDatabaseOptions, sqliteDatabase } from './sqlite/database/sqlite-database.ts'
export { type SqliteLogOptions, sqliteLog } from './sqlite/sqlite-log.ts'
