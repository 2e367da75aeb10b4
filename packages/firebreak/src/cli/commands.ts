import { describeCommand } from './describe.ts'
import { dlqDiscard } from './dlq/discard.ts'
import { dlqEdit } from './dlq/edit.ts'
import { dlqList } from './dlq/list.ts'
import { dlqReplay } from './dlq/replay.ts'
import { dlqShow } from './dlq/show.ts'
import { labList } from './lab/list.ts'
import { labRun } from './lab/run.ts'
import { labSweep } from './lab/sweep.ts'
import { labTools } from './lab/tools.ts'
import { labValidate } from './lab/validate.ts'
import { outboxDiscard } from './outbox/discard.ts'
import { outboxEdit } from './outbox/edit.ts'
import { outboxList } from './outbox/list.ts'
import { outboxRetry } from './outbox/retry.ts'
import { outboxShow } from './outbox/show.ts'
import type { Command } from './program/command.ts'
import { tailCommand } from './tail.ts'
import { topicsCommand } from './topics.ts'
import { verifyCommand } from './verify.ts'

/** All commands, in the order of the overview. */
export const commands: readonly Command[] = [
  dlqList,
  dlqShow,
  dlqReplay,
  dlqEdit,
  dlqDiscard,
  outboxList,
  outboxShow,
  outboxRetry,
  outboxEdit,
  outboxDiscard,
  verifyCommand,
  topicsCommand,
  tailCommand,
  describeCommand,
  labRun(labTools),
  labSweep(labTools),
  labList,
  labValidate,
]
