import { warn } from './warning.ts'

/**
 * Warns once per stall: `describe` is asked every `everyMs` of real time while the process lives for another reason, and
 * what it returns is printed as a warning of the process.
 */
export function warnOfStall(everyMs: number, describe: () => string | undefined): { cancel(): void } {
  const look = (): void => {
    const text = describe()
    if (text !== undefined) warn(text, 'VirtualClockStalled')
  }
  const timer = setInterval(look, everyMs)
  timer.unref()
  return { cancel: () => clearInterval(timer) }
}
