import type { Command } from '../program/command.ts'
import { usageError } from '../program/exit.ts'
import { bulkOptions } from './bulk.ts'
import { changeLetters, choiceOptions } from './letter-choice.ts'

export const dlqDiscard: Command = {
  name: 'dlq discard',
  summary: 'give dead letters up, with a reason',
  operands: '[id...]',
  operandsMin: 0,
  operandsMax: Number.POSITIVE_INFINITY,
  examples: [
    { line: 'dlq discard 01980f2a-7c --reason "test order"', what: 'one' },
    { line: 'dlq discard --fingerprint F --reason "bug 812, fixed by hand" --dry-run', what: 'a kind of failure' },
  ],
  options: { ...choiceOptions, ...bulkOptions, reason: { value: 'text', help: 'why; required, kept in the history' } },
  notes: ['The letter stays in the ledger, with its payload and who discarded it. It is not handled again.'],
  async run(call) {
    const reason = call.args.text('reason')?.trim() ?? ''
    if (reason === '') throw usageError('A dead letter is given up with a reason: --reason "…"')
    return changeLetters(call, {
      verb: 'discard',
      past: 'discarded',
      note: reason,
      apply: ({ ledger, letter }, decision) => ledger.deadLetters.discard(letter.id, decision),
    })
  },
}
