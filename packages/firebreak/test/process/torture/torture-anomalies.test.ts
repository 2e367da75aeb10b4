import assert from 'node:assert/strict'
import test from 'node:test'
import { anomaliesIn } from '../../../torture/checks/anomalies.ts'
import type { AnomalyName } from '../../../torture/checks/anomaly.ts'
import {
  assign,
  claim,
  commit,
  finish,
  observed,
  of,
  partition,
  poll,
  type Scene,
  send,
  start,
} from './torture-history-scene.ts'

const two = [...send('p#1.0', 'ok', 0), ...send('p#2.0', 'ok', 1)]
const three = [...two, ...send('p#3.0', 'ok', 2)]
const logOfTwo = { 0: 'p#1.0', 1: 'p#2.0' }
const logOfThree = { ...logOfTwo, 2: 'p#3.0' }
const all: [number, string][] = [
  [0, 'p#1.0'],
  [1, 'p#2.0'],
  [2, 'p#3.0'],
]
const [first, second, third] = all as [[number, string], [number, string], [number, string]]
const effect = (event: number, run: string): { event: string; run: string } => ({ event: `e${event}`, run })
const pollTwo = [assign('a', partition), poll('a', first, second)]
const pollAll = [assign('a', partition), poll('a', ...all)]

interface Planted {
  readonly name: AnomalyName
  readonly claim: string
  readonly bad: Scene
  /** What the evidence must name. */
  readonly says: RegExp
  readonly fine: string
  readonly good: Scene
}

const planted: readonly Planted[] = [
  {
    name: 'G1a',
    claim: 'a record whose append was refused is in the log',
    bad: { lines: [...send('p#1.0', 'fail'), assign('a', partition), poll('a', first)], log: { 0: 'p#1.0' } },
    says: /p#1\.0 was refused and is at orders\/0\/0/,
    fine: 'one whose append had an unknown outcome may be there',
    good: { lines: [...send('p#1.0', 'info'), assign('a', partition), poll('a', first)], log: { 0: 'p#1.0' } },
  },
  {
    name: 'lost-write',
    claim: 'an acknowledged record is missing below others',
    bad: { lines: [...two, assign('a', partition), poll('a', second)], log: { 1: 'p#2.0' } },
    says: /p#1\.0, acknowledged at orders\/0\/0, is not there, though 1 is/,
    fine: 'a record of an unknown outcome may be missing',
    good: {
      lines: [...send('p#1.0', 'none'), ...send('p#2.0', 'ok', 1), assign('a', partition), poll('a', second)],
      log: { 1: 'p#2.0' },
    },
  },
  {
    name: 'duplicate',
    claim: 'one acknowledged append has stored its record twice',
    bad: {
      lines: [...send('p#1.0', 'ok', 0), assign('a', partition), poll('a', [0, 'p#1.0'], [1, 'p#1.0'])],
      log: { 0: 'p#1.0', 1: 'p#1.0' },
    },
    says: /p#1\.0 was acknowledged once and is at orders\/0\/0, orders\/0\/1/,
    fine: 'two appends of one event may store it twice, and an unknown one may do so alone',
    good: {
      lines: [
        ...send('p#1.0', 'info'),
        ...send('q#1.0', 'ok', 2),
        assign('a', partition),
        poll('a', [0, 'p#1.0'], [1, 'p#1.0'], [2, 'q#1.0']),
      ],
      log: { 0: 'p#1.0', 1: 'p#1.0', 2: 'q#1.0' },
    },
  },
  {
    name: 'inconsistent-offsets',
    claim: 'two readers see different records at one offset',
    bad: {
      lines: [
        ...send('p#1.0', 'info'),
        ...send('p#2.0', 'ok', 0),
        assign('a', partition),
        poll('a', [0, 'p#1.0']),
        assign('b', partition),
        poll('b', [0, 'p#2.0']),
      ],
      log: { 0: 'p#2.0' },
    },
    says: /orders\/0\/0: p#2\.0 for p, p#1\.0 for a/,
    fine: 'they may see the same one twice',
    good: {
      lines: [
        ...send('p#2.0', 'ok', 0),
        assign('a', partition),
        poll('a', [0, 'p#2.0']),
        assign('b', partition),
      ].concat(poll('b', [0, 'p#2.0'])),
      log: { 0: 'p#2.0' },
    },
  },
  {
    name: 'unseen',
    claim: 'a group has come to rest and never polled an acknowledged record',
    bad: { lines: [...two, assign('a', partition), poll('a', first)], log: logOfTwo },
    says: /p#2\.0, acknowledged at orders\/0\/1, was never polled by shop/,
    fine: 'a record of another topic is not its business',
    good: {
      lines: [...two, ...pollTwo].concat(
        send('p#9.0', 'ok', 0).map((line) =>
          line.f === 'send' && line.type === 'invoke'
            ? { ...line, value: line.value.map((sent) => ({ ...sent, topic: 'other' })) }
            : line.f === 'send' && line.type === 'ok'
              ? { ...line, value: [['other/0', 0]] }
              : line,
        ),
        [{ f: 'poll', type: 'ok', ...of('x'), group: 'other', value: { 'other/0': [[0, 'p#9.0']] } }],
      ),
      log: logOfTwo,
    },
  },
  {
    name: 'unseen',
    claim: 'what was acknowledged at the end of the log is nowhere',
    bad: { lines: [...two, assign('a', partition), poll('a', first)], log: { 0: 'p#1.0' } },
    says: /p#2\.0, acknowledged at orders\/0\/1, was never read by anybody/,
    fine: 'what was not acknowledged may be nowhere',
    good: {
      lines: [...send('p#1.0', 'ok', 0), ...send('p#2.0', 'none'), assign('a', partition), poll('a', first)],
      log: { 0: 'p#1.0' },
    },
  },
  {
    name: 'poll-skip',
    claim: 'a cursor that holds a partition passes over a record',
    bad: {
      lines: [...three, assign('a', partition), poll('a', first), poll('a', third), assign('b', partition)].concat(
        poll('b', ...all),
      ),
      log: logOfThree,
    },
    says: /a cursor 1 read orders\/0\/2 after 0, not 1/,
    fine: 'it may pass over an offset that holds none',
    good: {
      lines: [...send('p#1.0', 'ok', 0), ...send('p#3.0', 'ok', 2), assign('a', partition), poll('a', first)].concat(
        poll('a', third),
      ),
      log: { 0: 'p#1.0', 2: 'p#3.0' },
    },
  },
  {
    name: 'poll-skip',
    claim: 'a cursor starts beyond what its group has committed',
    bad: {
      lines: [...three, ...pollAll, ...commit('a', 1, 'ok'), assign('a'), assign('b', partition), poll('b', third)],
      log: logOfThree,
    },
    says: /b cursor 1 read orders\/0\/2 with 1 committed, not 1/,
    fine: 'it may start where the group has committed, or before',
    good: {
      lines: [
        ...three,
        ...pollAll,
        ...commit('a', 2),
        assign('a'),
        assign('b', partition),
        poll('b', third),
        assign('b'),
        assign('c', partition),
        poll('c', second, third),
      ],
      log: logOfThree,
    },
  },
  {
    name: 'poll-skip',
    claim: 'a cursor starts where only a commit that was refused would have led',
    bad: {
      lines: [...three, ...pollAll, ...commit('a', 3, 'fail'), assign('b', partition), poll('b', third)],
      log: logOfThree,
    },
    says: /b cursor 1 read orders\/0\/2 with 0 committed, not 0/,
    fine: 'it may start where a commit of an unknown outcome leads',
    good: {
      lines: [...three, ...pollAll, ...commit('a', 2, 'info'), assign('b', partition), poll('b', third)],
      log: logOfThree,
    },
  },
  {
    name: 'nonmonotonic-poll',
    claim: 'a cursor that holds a partition reads a record again',
    bad: { lines: [...three, ...pollAll, poll('a', second)], log: logOfThree },
    says: /a cursor 1 read orders\/0\/1 after 2/,
    fine: 'after the partition was away it may',
    good: { lines: [...three, ...pollAll, assign('a'), assign('a', partition), poll('a', ...all)], log: logOfThree },
  },
  {
    name: 'nonmonotonic-send',
    claim: 'the records of a key stand in the log against the order of the calls',
    bad: {
      lines: [...send('p#1.0', 'ok', 1), ...send('p#2.0', 'ok', 0), ...pollAll.slice(0, 1)].concat(
        poll('a', [0, 'p#2.0'], [1, 'p#1.0']),
      ),
      log: { 0: 'p#2.0', 1: 'p#1.0' },
    },
    says: /p#2\.0 \(orders\/0\/0\) after p#1\.0 \(orders\/0\/1\)/,
    fine: 'one of an unknown outcome may come late, and other processes have no order',
    good: {
      lines: [
        ...send('p#1.0', 'info'),
        ...send('p#2.0', 'ok', 1),
        ...send('q#3.0', 'ok', 0),
        assign('a', partition),
        poll('a', [0, 'q#3.0'], [1, 'p#2.0'], [2, 'p#1.0']),
      ],
      log: { 0: 'q#3.0', 1: 'p#2.0', 2: 'p#1.0' },
    },
  },
  {
    name: 'handled-out-of-order',
    claim: 'a record starts after a later one of its key has started, in another process',
    bad: {
      lines: [...two, ...pollTwo, claim('a', 1), start('a', 1, 2), finish('a', 1)].concat([
        claim('b', 2),
        start('b', 1, 1),
        finish('b', 1),
      ]),
      log: logOfTwo,
    },
    says: /k:1 \(0\) started by b \(epoch 2\) after k:2 \(1\) by a \(epoch 1\)/,
    fine: 'one process may not know yet that it has lost the partition, and what was cut off starts again',
    good: {
      lines: [
        ...two,
        ...pollTwo,
        claim('a', 1),
        start('a', 1, 1),
        claim('b', 2, true),
        start('b', 1, 1),
        finish('b', 1),
        start('b', 2, 2),
        finish('b', 2),
        start('a', 2, 1),
      ],
      log: logOfTwo,
    },
  },
  {
    name: 'handled-out-of-order',
    claim: 'a later record of the key was not let off because the first one is dead',
    bad: {
      lines: [...three, ...pollAll, claim('a', 1), start('a', 1, 3), finish('a', 1), start('a', 2, 2), finish('a', 2)],
      log: logOfThree,
      end: { letters: ['e1'] },
    },
    says: /k:2 \(1\) started by a \(epoch 1\) after k:3/,
    fine: 'a copy of a dead-lettered event may start late',
    good: {
      lines: [...three, ...pollAll, claim('a', 1), start('a', 1, 3), finish('a', 1), start('a', 2, 2), finish('a', 2)],
      log: logOfThree,
      end: { letters: ['e2'] },
    },
  },
  {
    name: 'handled-out-of-order',
    claim: 'a record starts after a later one, and that start has the effect',
    bad: {
      lines: [...two, ...pollTwo, claim('a', 1), start('a', 1, 2), finish('a', 1), start('a', 2, 1), finish('a', 2)],
      log: logOfTwo,
      end: { effects: [effect(2, 'a#1'), effect(1, 'a#2')] },
    },
    says: /k:1 \(0\) started by a \(epoch 1\) after k:2/,
    fine: 'a copy of an event that has its effect may start once more',
    good: {
      lines: [...two, ...pollTwo, claim('a', 1), start('a', 1, 1), finish('a', 1), start('a', 2, 2), start('a', 3, 1)],
      log: logOfTwo,
      end: { effects: [effect(1, 'a#1'), effect(2, 'a#2')] },
    },
  },
  {
    name: 'handled-concurrently',
    claim: 'a key is handled by two processes although the first one had let go of it',
    bad: {
      lines: [
        ...two,
        ...pollTwo,
        claim('a', 1),
        start('a', 1, 1),
        claim('b', 2),
        start('b', 1, 1),
        finish('a', 1),
        finish('b', 1),
      ],
      log: logOfTwo,
    },
    says: /k:1 by b \(epoch 2\) while k:1 by a \(epoch 1\) ran/,
    fine: 'one whose partition was taken away may still be running',
    good: {
      lines: [
        ...two,
        ...pollTwo,
        claim('a', 1),
        start('a', 1, 1),
        claim('b', 2, true),
        start('b', 1, 1),
        finish('a', 1),
        finish('b', 1),
      ],
      log: logOfTwo,
    },
  },
  {
    name: 'handled-concurrently',
    claim: 'one process runs two handlers of a key at once',
    bad: {
      lines: [...two, ...pollTwo, claim('a', 1), start('a', 1, 1), start('a', 2, 2)].concat([
        finish('a', 1),
        finish('a', 2),
      ]),
      log: logOfTwo,
    },
    says: /k:2 by a \(epoch 1\) while k:1 by a/,
    fine: 'two keys have nothing to do with each other',
    good: {
      lines: [
        ...two,
        ...pollTwo,
        claim('a', 1),
        start('a', 1, 1),
        start('a', 2, 2, 'other'),
        finish('a', 1),
        finish('a', 2),
      ],
      log: logOfTwo,
    },
  },
  {
    name: 'fenced-effect',
    claim: 'a process that had lost the partition before it started has an effect',
    bad: {
      lines: [
        ...send('p#1.0', 'ok', 0),
        assign('a', partition),
        poll('a', first),
        claim('a', 1),
        claim('b', 2, true),
      ].concat(start('a', 1, 1), finish('a', 1)),
      log: { 0: 'p#1.0' },
      end: { effects: [{ event: 'e1', run: 'a#1' }] },
    },
    says: /the effect of e1 \(k:1\) is of a \(epoch 1\), too late/,
    fine: 'it may start, if the effect is of the one that holds the partition',
    good: {
      lines: [
        ...send('p#1.0', 'ok', 0),
        assign('a', partition),
        poll('a', first),
        claim('a', 1),
        claim('b', 2, true),
      ].concat(start('a', 1, 1), finish('a', 1), start('b', 1, 1), finish('b', 1)),
      log: { 0: 'p#1.0' },
      end: { effects: [{ event: 'e1', run: 'b#1' }] },
    },
  },
  {
    name: 'repeated-effect',
    claim: 'an event has two effects',
    bad: {
      lines: [
        ...send('p#1.0', 'ok', 0),
        ...send('q#1.0', 'ok', 1),
        assign('a', partition),
        poll('a', first, [1, 'q#1.0']),
      ],
      log: { 0: 'p#1.0', 1: 'q#1.0' },
      end: {
        effects: [
          { event: 'e1', run: 'a#1' },
          { event: 'e1', run: 'a#2' },
        ],
      },
    },
    says: /e1 has 2 effects/,
    fine: 'two copies of it may have one',
    good: {
      lines: [
        ...send('p#1.0', 'ok', 0),
        ...send('q#1.0', 'ok', 1),
        assign('a', partition),
        poll('a', first, [1, 'q#1.0']),
      ],
      log: { 0: 'p#1.0', 1: 'q#1.0' },
    },
  },
  {
    name: 'unaccounted',
    claim: 'an event is in the log and has no outcome',
    bad: { lines: [...three, ...pollAll], log: logOfThree, end: { effects: [], letters: ['e1'], pending: ['e2'] } },
    says: /e3 is in orders and nowhere else/,
    fine: 'effect, dead letter and pending are outcomes, and a dead-lettered event may succeed later',
    good: {
      lines: [...three, ...pollAll],
      log: logOfThree,
      end: { effects: ['e1', 'e3'].map((event) => ({ event, run: null })), letters: ['e1'], pending: ['e2'] },
    },
  },
  {
    name: 'phantom',
    claim: 'an event has an effect and was never in the log',
    bad: {
      lines: [...send('p#1.0', 'ok', 0), assign('a', partition), poll('a', first)],
      log: { 0: 'p#1.0' },
      end: { effects: ['e1', 'e7'].map((event) => ({ event, run: null })) },
    },
    says: /e7 has an outcome and is not in orders/,
    fine: 'an event that was appended with an unknown outcome has one if it is there',
    good: {
      lines: [...send('p#1.0', 'info'), assign('a', partition), poll('a', first)],
      log: { 0: 'p#1.0' },
      end: { effects: [{ event: 'e1', run: null }] },
    },
  },
  {
    name: 'cut-history',
    claim: 'a process has written more than it may',
    bad: { lines: [{ f: 'cut', type: 'info', process: 'a' }] },
    says: /a wrote too much/,
    fine: 'a history without operations is sound',
    good: {},
  },
]

for (const { name, claim: what, bad, says, fine, good } of planted) {
  test(`${name}: ${what}`, () => {
    const found = anomaliesIn(observed(bad))
    assert.deepEqual(
      found.map((one) => one.name),
      [name],
      JSON.stringify(found),
    )
    assert.match(found[0]?.says ?? '', says)
  })
  test(`no ${name}: ${fine}`, () => assert.deepEqual(anomaliesIn(observed(good)), []))
}
