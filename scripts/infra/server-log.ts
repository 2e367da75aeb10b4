import { existsSync, readFileSync, renameSync } from 'node:fs'

/** Puts the log of an earlier life aside, and forgets the one before. */
export function putAside(logPath: string): void {
  if (existsSync(logPath)) renameSync(logPath, logPath.replace(/\.log$/, '.before.log'))
}

/** The last lines of a server's log, for the message of a start that failed. */
export function tailOf(logPath: string, linesMax = 25): string {
  let text: string
  try {
    text = readFileSync(logPath, 'utf8')
  } catch {
    return `(no log at ${logPath})`
  }
  const lines = text.trimEnd().split('\n').slice(-linesMax)
  return [`the end of ${logPath}:`, ...lines.map((line) => `  ${line}`)].join('\n')
}
