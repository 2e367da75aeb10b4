const LOOK_EVERY_MS = 250

/** Taken when the process starts: later it may be that of the process that adopts orphans. */
const parent = process.ppid

/**
 * Calls `onGone` once when the process that started this one has gone. npm and the shell under it may end without a word to what
 * they have started: a SIGTERM to npm does not reach it. Only under npm: who starts a program in the background may leave.
 */
export const whenNpmIsGone = (onGone: () => void): void => {
  if (process.env['npm_lifecycle_event'] === undefined) return
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    onGone()
  }, LOOK_EVERY_MS)
  timer.unref()
}
