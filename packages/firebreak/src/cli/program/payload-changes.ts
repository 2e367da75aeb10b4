import type { Output } from './output.ts'
import type { FieldChange } from './payload.ts'
import { cut } from './text-width.ts'

const shownMax = 60

/** Shows what an edit does to each field. */
export function showChanges({ style, line }: Output, changes: readonly FieldChange[]): void {
  const width = Math.max(...changes.map(({ path }) => path.length))
  for (const { path, before, after } of changes) {
    const name = path.padEnd(width)
    const old = before === undefined ? '' : style.red(cut(before, shownMax))
    const now = after === undefined ? '' : style.green(cut(after, shownMax))
    if (before === undefined) line(`+ ${name}  `, now)
    else if (after === undefined) line(`- ${name}  `, old)
    else line(`~ ${name}  `, old, ' -> ', now)
  }
}
