import type { FirebreakError } from '../contracts/errors.ts'

/** The units have to run again from the start. `instead`: the one that must not, and what is said of it. */
export class RunAgain extends Error {
  instead: { readonly place: number; readonly error: FirebreakError } | undefined
}

/** With savepoints: one of them has failed, or does what needs one. */
export class Unguarded extends RunAgain {
  constructor(cause?: unknown) {
    super('an earlier statement of this commit has failed; its units run again', { cause })
  }
}

/** When somebody has looked at the functions that are new in the database. */
export class Outdated extends RunAgain {
  constructor() {
    super('the database has new functions; the units of this commit run again')
  }
}
