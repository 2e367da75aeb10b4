/** Of jobs. */
export const jobErrors = {
  FB_ISOLATED_ENDED: {
    kind: 'transient',
    message: '{module} ended without an answer: {how}',
    remedy: 'See why it ends; its stderr is not shown. Nothing else was harmed.',
  },
  FB_ISOLATED_MEMORY: {
    kind: 'transient',
    message: '{module} needed more than {memoryMb} MiB of memory',
    remedy: 'Raise memoryMb, give it less at a time, or find the leak. Nothing else was harmed.',
  },
  FB_JOB_AMBIGUOUS: {
    kind: 'permanent',
    message: '{id} is the beginning of several jobs: {shown}',
    remedy: 'Type more of the id.',
  },
  FB_JOB_FENCED: {
    kind: 'transient',
    message: 'this instance does not hold the job {type} {id} any more',
    remedy: 'Nothing to do: it was cancelled, or another instance has taken it over.',
  },
  FB_JOB_NOT_FOUND: {
    kind: 'permanent',
    message: 'there is no job {id}',
    remedy: 'List them with: firebreak jobs list. The end of a job is kept for keepMs of its definition.',
  },
  FB_JOB_STATE: {
    kind: 'permanent',
    message: 'the job {id} is {state}, so it cannot be {action}',
    remedy: 'Show it with: firebreak jobs show {id}',
  },
  FB_NOT_ENQUEUABLE: {
    kind: 'bug',
    message: 'service {service} has no handler for the job {type}: add it to handlers of service {service}',
    remedy: 'Add handle(job, …) to `handlers` of the service that enqueues it.',
  },
  FB_SCHEDULE_NOT_FOUND: {
    kind: 'permanent',
    message: 'service {service} has no schedule {name}',
    remedy: 'List them with: firebreak schedules list',
  },
} as const
