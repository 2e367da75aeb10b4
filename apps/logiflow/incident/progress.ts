/** What happens now, for the person who waits. */
export type Step =
  | { readonly kind: 'phase'; readonly text: string }
  /** A look once a second, from the start of the night. */
  | { readonly kind: 'second'; readonly atS: number; readonly text: string }
  /** Something that changes the night. */
  | { readonly kind: 'event'; readonly atS: number; readonly text: string }
export type Progress = (step: Step) => void

/** Where the output is no terminal, a line per second would bury what happens. */
const LINE_EVERY_S = 10
const WIDTH = 79

export type Output = { readonly isTTY?: boolean; readonly write: (text: string) => unknown }
/** The night that is played, among how many, and how long all of them last from here. */
export type Played = { readonly title: string; readonly lastsS: number; readonly leftS: number }

export const about = (seconds: number): string =>
  seconds < 90 ? `${Math.max(10, Math.round(seconds / 10) * 10)} s` : `${Math.round(seconds / 60)} min`

/** Events stay on the screen. On a terminal the seconds share one line below them. */
export const progressOn = (output: Output, { title, lastsS, leftS }: Played): Progress => {
  let shownS = -LINE_EVERY_S
  const line = (text: string): void => void output.write(output.isTTY ? `\r\x1b[K${text}\n` : `${text}\n`)
  return (step) => {
    if (step.kind === 'phase') return line(`  ${title}  ${step.text}`)
    const second = Math.floor(step.atS)
    const at = `  ${title}  ${String(second).padStart(3)} s`
    if (step.kind === 'event') return line(`${at}  ${step.text}`)
    if (output.isTTY) {
      const left = second < lastsS ? `, about ${about(leftS - second)} left` : ''
      output.write(`\r\x1b[K${`${at}  ${step.text}${left}`.slice(0, WIDTH)}`)
    } else if (second >= shownS + LINE_EVERY_S) {
      shownS = second
      line(`${at}  ${step.text}`)
    }
  }
}

/** Ends the line that the seconds share. */
export const endProgress = (output: Output): void => void (output.isTTY && output.write('\r\x1b[K'))
