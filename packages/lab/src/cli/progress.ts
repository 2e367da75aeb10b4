import { CommandError, exit, type Output, type Surroundings } from 'firebreak/internal'
import type { RunProgress } from '../run/run.ts'

/** A line that says how far a run is, on a terminal only; it is gone when the run ends. */
export interface ProgressLine {
  show(progress: RunProgress, around?: { readonly done: number; readonly total: number }): void
  clear(): void
}

/** A line on the terminal that messages go to; it shows nothing where there is none, or where JSON is asked for. */
export function progressLine(output: Output): ProgressLine {
  let last = ''
  return {
    show({ arm, replication, done, total }, around = { done: 0, total: 1 }) {
      const share = (around.done + done / Math.max(1, total)) / around.total
      const line = `  ${Math.floor(share * 100)} %  ${arm}, replication ${replication + 1}`
      if (output.json || line === last) return
      last = line
      output.progress(line)
    },
    clear() {
      if (last !== '') output.progress('')
      last = ''
    },
  }
}

/** Runs something that Ctrl-C ends, and clears the line behind it. **Errors** exit code 130 after Ctrl-C. */
export async function cancellable<T>(io: Surroundings, line: ProgressLine, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (io.signal.aborted) throw new CommandError(exit.interrupted, 'Stopped. Nothing was written.')
    throw error
  } finally {
    line.clear()
  }
}
