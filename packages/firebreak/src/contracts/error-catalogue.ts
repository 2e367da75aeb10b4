import { callErrors } from './catalogue/call-errors.ts'
import { databaseErrors } from './catalogue/database-errors.ts'
import { jobErrors } from './catalogue/job-errors.ts'

/** Who must act: nobody (it is retried), the sender, the person who set it up, or the programmer. */
export type ErrorKind = 'transient' | 'permanent' | 'config' | 'bug'

const otherErrors = {
  FB_BLOCKED_NOT_FOUND: {
    kind: 'permanent',
    message: 'there is no blocked event {number}',
    remedy: 'List them with: firebreak outbox list',
  },
  FB_BLOCKED_REASON: {
    kind: 'permanent',
    message: 'blocked event {number} is not discarded without a reason',
    remedy: 'Say in the note why it may be given up.',
  },
  FB_BLOCKED_STATE: {
    kind: 'permanent',
    message: 'blocked event {number} is {state}, so it cannot be {action}',
    remedy: 'Show its history with: firebreak outbox show {number}',
  },
  FB_CLOSED: { kind: 'bug', message: '{what} is closed', remedy: 'Do not use it after close() or stop().' },
  FB_CONFIG: { kind: 'config', message: '{problems}', remedy: 'Fix what the message names, then run it again.' },
  FB_CONTRACT_VIOLATED: {
    kind: 'permanent',
    message: '{type} v{version} does not fit its schema: {issues}',
    remedy: 'Fix the producer, or edit and replay the dead letter.',
  },
  FB_CRASH_SUSPECT: {
    kind: 'permanent',
    message: 'the process died {deaths} times while handling this message',
    remedy: 'Find out why it kills the process before replaying it.',
  },
  FB_DEAD_LETTER_AMBIGUOUS: {
    kind: 'permanent',
    message: '{id} is the beginning of several dead letters: {shown}',
    remedy: 'Type more of the id.',
  },
  FB_DEAD_LETTER_NOT_FOUND: {
    kind: 'permanent',
    message: 'there is no dead letter {id}',
    remedy: 'List them with: firebreak dlq list',
  },
  FB_DEAD_LETTER_REASON: {
    kind: 'permanent',
    message: 'dead letter {id} is not discarded without a reason',
    remedy: 'Say in the note why it may be given up.',
  },
  FB_DEAD_LETTER_STATE: {
    kind: 'permanent',
    message: 'dead letter {id} is {state}, so it cannot be {action}',
    remedy: 'Show its history with: firebreak dlq show {id}',
  },
  FB_DEAD_LETTER_UNEXPECTED: {
    kind: 'permanent',
    message: 'the test did not expect a dead letter of {letters}',
    remedy:
      'Fix what it says. Where dead letters are the point of the test: createTestRuntime({ expectDeadLetters: true }).',
  },
  FB_DELIVERY_TIMEOUT: {
    kind: 'transient',
    message: 'the handler of {type} did not end within {deadlineMs} ms',
    remedy: 'Make it faster, raise deadlineMs, or pass ctx.signal to what it waits for.',
  },
  FB_EVENT_UNKNOWN: {
    kind: 'permanent',
    message: 'nothing here handles {type} v{version}',
    remedy: 'Add a handler, or leave unknownEvents at "skip".',
  },
  FB_FENCED: {
    kind: 'transient',
    message: 'partition {partition} belongs to another member now',
    remedy: 'Nothing to do: the other member handles the records.',
  },
  FB_HANDLER_PERMANENT: {
    kind: 'permanent',
    message: '{message}',
    remedy: 'See the message; edit and replay, or discard with a reason.',
  },
  FB_HANDLER_THROTTLED: {
    kind: 'transient',
    message: '{message}',
    remedy: 'Nothing to do: it is tried again after the given time.',
  },
  FB_INVARIANT: { kind: 'bug', message: 'broken invariant: {claim}', remedy: 'Please report it with the stack.' },
  FB_LOG_CORRUPT: {
    kind: 'config',
    message: 'log {path} is damaged or not a firebreak log: {reason}',
    remedy: 'Restore it from a backup, or move it aside to start empty.',
  },
  FB_LOG_FULL: {
    kind: 'transient',
    message: 'no space left for log {path}',
    remedy: 'Free disk space; publishing goes on by itself.',
  },
  FB_LOG_READONLY: {
    kind: 'config',
    message: 'log {path} cannot be written: {reason}',
    remedy: 'Make the folder writable for this user.',
  },
  FB_LOG_REFUSED: {
    kind: 'config',
    message: 'log {path} refuses: {reason}',
    remedy: 'Fix the credentials, the permissions or the option that the reason names.',
  },
  FB_LOG_TRUNCATED: {
    kind: 'config',
    message: 'partition {partition} no longer has what was read from it: {reason}',
    remedy: 'Find out what was lost, then give the service a new ledger. Guide 5, section 7.',
  },
  FB_LOG_UNAVAILABLE: {
    kind: 'transient',
    message: 'log {path} cannot be reached: {reason}',
    remedy: 'Work waits and goes on by itself when it is back.',
  },
  FB_LOG_VERSION: {
    kind: 'config',
    message: '{path} has format {found}, this version reads {expected}',
    remedy: 'Use the version of firebreak that wrote it, or migrate.',
  },
  FB_NOT_PUBLISHABLE: {
    kind: 'bug',
    message: 'service {service} does not declare that it publishes {type}: add it to publishes of service {service}',
    remedy: 'Add the event to `publishes` of the service.',
  },
  FB_NOT_STARTED: {
    kind: 'transient',
    message: 'the handler of {type} was not started: {dependency}, which it calls, {reason}',
    remedy: 'Nothing to do: it waits without losing an attempt, and starts when the dependency answers.',
  },
  FB_OUTBOX_FULL: {
    kind: 'transient',
    message: 'the outbox holds {rows} events that the log has not taken',
    remedy: 'Bring the log back; the outbox drains by itself.',
  },
  FB_RECORD_REFUSED: {
    kind: 'permanent',
    message: 'topic {topic} refuses the record: {reason}',
    remedy: 'Fix what the reason names in the record or in the settings of the topic.',
  },
  FB_RECORD_TOO_LARGE: {
    kind: 'permanent',
    message: '{type} is {bytes} bytes, the limit is {limit}',
    remedy: 'Store the large part elsewhere and publish a reference.',
  },
  FB_REPLAY_INVALID: {
    kind: 'permanent',
    message: 'the record does not fit {type} v{version}: {issues}',
    remedy: 'Correct the payload, or deploy what handles it; nothing was changed.',
  },
  FB_SCHEMA_TIMEOUT: {
    kind: 'transient',
    message: 'the schema of {type} did not answer within {deadlineMs} ms',
    remedy:
      'Make it faster, or raise deadlineMs of the handler. A schema that waits for others belongs into the handler.',
  },
  FB_TOPIC_MISMATCH: {
    kind: 'config',
    message: 'topic {topic} has {found} partitions, the definition says {expected}',
    remedy: 'The number is fixed when the topic is created; declare what it has, or use a new topic.',
  },
  FB_TOPIC_UNKNOWN: {
    kind: 'config',
    message: 'there is no topic {topic}',
    remedy: 'Declare it through an event of a service, or create it.',
  },
  FB_UNDECODABLE: {
    kind: 'permanent',
    message: 'the record cannot be decoded: {reason}',
    remedy: 'Fix the producer; edit and replay, or discard with a reason.',
  },
  FB_UNIT_ENDED: {
    kind: 'bug',
    message: 'the unit of work of {what} has already ended',
    remedy: 'Call ctx.transaction once, await everything in it, and publish before it ends.',
  },
  FB_UPCASTER_MISSING: {
    kind: 'permanent',
    message: '{type} came as version {found}, and no upcaster leads from {at} to {expected}',
    remedy: 'Add the upcaster to the event definition, then replay.',
  },
} as const

/**
 * Every code that firebreak raises: who must act, the message (`{name}` is filled from the detail), and what to do.
 * docs/errors.md explains each; a test compares the two in both directions.
 */
export const catalogue: typeof callErrors & typeof databaseErrors & typeof jobErrors & typeof otherErrors = {
  ...callErrors,
  ...databaseErrors,
  ...jobErrors,
  ...otherErrors,
}

export type ErrorCode = keyof typeof catalogue
