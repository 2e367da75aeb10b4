/** Control characters, C1, marks that turn text around: a terminal would obey them, and text may come from anybody. */
const obeyed = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu

const shown = (text: string): string =>
  text.replace(obeyed, (found) =>
    found === '\n' || found === '\t' ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** A line on stdout, in which nothing moves the cursor. */
export const say = (text: string): void => void process.stdout.write(`${shown(text)}\n`)

/** The same on stderr. */
export const complain = (text: string): void => void process.stderr.write(`${shown(text)}\n`)
