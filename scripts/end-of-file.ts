/**
 * Loaded into the process of every test file. Node gives a test a time limit, but not its file: a file that leaves a
 * socket or a timer open would keep the whole run waiting.
 */
import { after } from 'node:test'

const { TEST_FILE_MS: limitMs = 420_000, TEST_FILE_OPEN_MS: openMs = 60_000 } = process.env

setTimeout(() => end(`it did not end within ${limitMs} ms`), Number(limitMs)).unref()
after(() => {
  setTimeout(() => end(`its tests have ended, but its process has not for ${openMs} ms`), Number(openMs)).unref()
})

/** By a signal that no listener holds up, because what listens is part of what hangs. */
function end(what: string): void {
  console.error(`${process.argv[1]}: ${what}. Still open: ${process.getActiveResourcesInfo().join(', ')}`)
  process.kill(process.pid, 'SIGKILL')
}
