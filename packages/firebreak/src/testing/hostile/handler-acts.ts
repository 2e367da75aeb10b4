import { runInNewContext } from 'node:vm'
import { sleep } from '../../contracts/clock.ts'
import { permanent, throttled } from '../../contracts/errors.ts'
import { type Act, actsOf, never, type Setting, thenable, unit, untyped } from './act.ts'
import { type OddValue, oddThenables, oddValues } from './values.ts'

const { done, letter, aged, either } = actsOf('handler')

type Make = OddValue['make']

const raise =
  (make: Make) =>
  ({ entropy }: Setting): never => {
    throw make(entropy.random)
  }
const reject =
  (make: Make) =>
  ({ entropy }: Setting): Promise<never> =>
    Promise.reject(make(entropy.random))

function failing(): never {
  throw new Error('on purpose')
}

/** What handlers throw, reject with and return, and how they fail to end. */
export const handlerActs: readonly Act[] = [
  ...oddValues.flatMap(({ name, make }) => [
    letter(`throws-${name}`, raise(make)),
    letter(`rejects-with-${name}`, reject(make)),
    // After everything of the unit has been written: nothing of it may stay.
    letter(`throws-${name}-in-its-unit`, (setting) => unit(setting, () => raise(make)(setting))),
    done(`returns-${name}`, (setting) => unit(setting).then(() => make(setting.entropy.random))),
  ]),
  // Nobody waits for the unit but the runtime itself.
  ...oddThenables.map(({ name, make }) =>
    done(`returns-${name}`, (setting) => {
      void unit(setting)
      return make(setting.entropy.random)
    }),
  ),

  letter(
    'gives-up',
    raise(() => permanent('never')),
  ),
  letter(
    'gives-up-without-a-message',
    raise(() => permanent(untyped(undefined))),
  ),
  aged(
    'asks-for-a-pause-of-nothing',
    raise(() => throttled(0)),
  ),
  aged(
    'asks-for-a-pause-of-nan',
    raise(() => throttled(Number.NaN)),
  ),
  aged(
    'asks-for-a-pause-below-zero',
    raise(() => throttled(-1)),
  ),
  aged(
    'asks-for-a-pause-without-end',
    raise(() => throttled(Number.POSITIVE_INFINITY)),
  ),
  aged(
    'asks-for-a-pause-in-words',
    raise(() => throttled(untyped('soon'))),
  ),

  letter('never-ends', never),
  letter('ends-after-its-deadline', ({ clock, deadlineMs }) => sleep(clock, deadlineMs + 50)),
  letter('fails-after-its-deadline', ({ clock, deadlineMs }) => sleep(clock, deadlineMs + 50).then(failing)),
  letter('commits-after-its-deadline', (setting) =>
    sleep(setting.clock, setting.deadlineMs + 50).then(() => unit(setting)),
  ),
  done('throws-after-its-commit', (setting) => unit(setting).then(failing)),
  done('never-ends-after-its-commit', (setting) => unit(setting).then(never)),
  either('changes-its-envelope', (setting) => {
    Object.assign(setting.ctx.envelope, { id: 'changed', type: 'changed', correlationId: 7 })
    return unit(setting)
  }),

  // As a query builder: nothing happens before somebody waits. A failure is the runtime's to find, so none is left unheard.
  done('returns-a-thenable', (setting) => thenable((resolve) => unit(setting).then(resolve, resolve))),
  letter('returns-a-thenable-that-rejects', () => thenable((_, fail) => fail(new Error('foreign')))),
  letter('returns-a-thenable-that-never-settles', () => thenable(() => {})),
  letter('returns-a-thenable-that-throws', () => thenable(failing)),
  done('returns-a-promise-of-another-realm', (setting) =>
    runInNewContext('new Promise((resolve) => run(resolve))', {
      run: (resolve: () => void) => void unit(setting).then(resolve, resolve),
    }),
  ),
  letter('returns-a-promise-of-another-realm-that-rejects', () =>
    runInNewContext('Promise.reject(new Error("of another realm"))'),
  ),
]
