import type { JobContext } from '../../contracts/job-context.ts'
import { HandlerContext } from '../delivery/handler-context.ts'
import type { UnitOfWork } from '../delivery/unit-of-work.ts'

/** What the handler of a job holds of its unit of work: the same as that of an event, and its progress. */
export class JobHandlerContext extends HandlerContext implements JobContext {
  readonly #progress: (value: unknown) => void

  constructor(unit: UnitOfWork, progress: (value: unknown) => void) {
    super(unit)
    this.#progress = progress
  }

  get progress(): (value: unknown) => void {
    return (value) => this.#progress(value)
  }
}
