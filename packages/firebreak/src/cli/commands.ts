import { describeCommand } from './describe.ts'
import { dlqDiscard } from './dlq/discard.ts'
import { dlqEdit } from './dlq/edit.ts'
import { dlqList } from './dlq/list.ts'
import { dlqReplay } from './dlq/replay.ts'
import { dlqShow } from './dlq/show.ts'
import { jobsCancel } from './jobs/cancel.ts'
import { jobsList } from './jobs/list.ts'
import { jobsRetry } from './jobs/retry.ts'
import { jobsRunNow } from './jobs/run-now.ts'
import { jobsShow } from './jobs/show.ts'
import { outboxDiscard } from './outbox/discard.ts'
import { outboxEdit } from './outbox/edit.ts'
import { outboxList } from './outbox/list.ts'
import { outboxRetry } from './outbox/retry.ts'
import { outboxShow } from './outbox/show.ts'
import type { Command } from './program/command.ts'
import { schedulesList } from './schedules/list.ts'
import { schedulesPause } from './schedules/pause.ts'
import { schedulesResume } from './schedules/resume.ts'
import { schedulesRun } from './schedules/run.ts'
import { tailCommand } from './tail.ts'
import { topicsCommand } from './topics.ts'
import { traceCommand } from './trace/trace.ts'
import { verifyCommand } from './verify.ts'

/** The commands of this package, in the order of the overview. Those of the lab come after them. */
export const commands: readonly Command[] = [
  dlqList,
  dlqShow,
  dlqReplay,
  dlqEdit,
  dlqDiscard,
  jobsList,
  jobsShow,
  jobsCancel,
  jobsRunNow,
  jobsRetry,
  outboxList,
  outboxShow,
  outboxRetry,
  outboxEdit,
  outboxDiscard,
  schedulesList,
  schedulesPause,
  schedulesResume,
  schedulesRun,
  traceCommand,
  verifyCommand,
  topicsCommand,
  tailCommand,
  describeCommand,
]
