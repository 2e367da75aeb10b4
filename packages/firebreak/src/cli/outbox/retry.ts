import type { Command } from '../program/command.ts'
import { changeBlocked, outboxChangeOptions } from './change.ts'

export const outboxRetry: Command = {
  name: 'outbox retry',
  summary: 'send blocked events once more',
  operands: '[number...]',
  operandsMin: 0,
  operandsMax: Number.POSITIVE_INFINITY,
  examples: [
    { line: 'outbox retry 4711', what: 'one, after the topic was changed' },
    { line: 'outbox retry --all --topic orders --yes', what: 'all of a topic' },
  ],
  options: { ...outboxChangeOptions, reason: { value: 'text', help: 'kept in the history' } },
  notes: ['A running service tries them by itself too, a few every minute.'],
  run: (call) =>
    changeBlocked(call, {
      verb: 'retry',
      past: 'retried',
      note: call.args.text('reason') ?? '',
      apply: ({ ledger, event }, decision) => ledger.outbox.retry(event.number, decision),
    }),
}
