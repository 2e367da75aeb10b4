import type { ServiceStatus } from './messages.ts'
import { say } from './terminal.ts'

export type Notices = {
  /** The few lines of the start and the end. */
  readonly say: (line: string) => void
  /** Something a person would want to know. */
  readonly note: (name: string, text: string) => void
}

/** Text for people, or one JSON object per line; nothing but errors when quiet. */
export const openNotices = (options: { readonly quiet: boolean; readonly jsonLogs: boolean }): Notices => {
  const json = (fields: object): void => say(JSON.stringify({ time: new Date().toISOString(), ...fields }))
  return {
    say: (line) => (options.jsonLogs ? json({ msg: line.trim() }) : say(line)),
    note(name, text) {
      if (options.quiet) return
      if (options.jsonLogs) json({ name, msg: text })
      else say(`${new Date().toTimeString().slice(0, 8)}  ${name.padEnd(11)} ${text}`)
    },
  }
}

/** What a change of state is worth saying; undefined for the ordinary. */
export const noticeOf = (status: ServiceStatus, isRunning: boolean): string | undefined => {
  if (!isRunning) return undefined
  if (status.state === 'up') return '✔ up again'
  if (status.state === 'stopped') return '■ stopped on the page, until it is started there. The others go on.'
  if (status.state !== 'waiting') return undefined
  const waitS = Math.round(((status.restartAtMs ?? 0) - Date.now()) / 1000)
  return `✖ died (${status.note}), starts again in ${waitS} s. The others go on.`
}
