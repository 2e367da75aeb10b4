import type { Command } from '../program/command.ts'
import { bulkOptions } from './bulk.ts'
import { changeLetters, choiceOptions } from './letter-choice.ts'

export const dlqReplay: Command = {
  name: 'dlq replay',
  summary: 'hand dead letters back to the service that failed',
  operands: '[id...]',
  operandsMin: 0,
  operandsMax: Number.POSITIVE_INFINITY,
  examples: [
    { line: 'dlq replay 01980f2a-7c', what: 'one, after its cause was fixed' },
    { line: 'dlq replay --fingerprint RateError@tariff.ts:rate', what: 'all of one kind of failure' },
    { line: 'dlq replay --all --service invoicing --dry-run', what: 'what would go back' },
    { line: 'dlq replay --all --max 1 --yes', what: 'one first, as a trial' },
  ],
  options: { ...choiceOptions, ...bulkOptions, reason: { value: 'text', help: 'kept in the history' } },
  notes: [
    'The original bytes go back under the same event id, to the one service that failed: no other\nconsumer sees them again. They take their old place in the order of their key.',
  ],
  run: (call) =>
    changeLetters(call, {
      verb: 'replay',
      past: 'replayed',
      note: call.args.text('reason') ?? '',
      apply: ({ ledger, letter }, decision) => ledger.deadLetters.replay(letter.id, decision),
    }),
}
