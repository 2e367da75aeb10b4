import type { Command } from '../program/command.ts'
import { usageError } from '../program/exit.ts'
import { changeBlocked, outboxChangeOptions } from './change.ts'

export const outboxDiscard: Command = {
  name: 'outbox discard',
  summary: 'give blocked events up, with a reason',
  operands: '[number...]',
  operandsMin: 0,
  operandsMax: Number.POSITIVE_INFINITY,
  examples: [
    { line: 'outbox discard 4711 --reason "too large, sent by hand"', what: 'one' },
    { line: 'outbox discard --all --topic old-orders --reason "topic is gone" --dry-run', what: 'all of a topic' },
  ],
  options: { ...outboxChangeOptions, reason: { value: 'text', help: 'why; required, kept in the history' } },
  notes: [
    'Nobody gets the event. It stays in the ledger with its payload.\nThe later events of its key leave in order.',
  ],
  async run(call) {
    const reason = call.args.text('reason')?.trim() ?? ''
    if (reason === '') throw usageError('An event is given up with a reason: --reason "…"')
    return changeBlocked(call, {
      verb: 'discard',
      past: 'discarded',
      note: reason,
      apply: ({ ledger, event }, decision) => ledger.outbox.discard(event.number, decision),
    })
  },
}
