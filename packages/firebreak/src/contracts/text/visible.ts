/**
 * Text of others for the eyes of people. What moves a cursor, sets colours or turns text around is written out as `\u001b`:
 * control characters of C0 and C1, the marks that change the direction of text, and the line ends that only Unicode knows.
 */
const kept = new Set(['\t', '\n'])
const controls = /\r\n|[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu

/** Text of several lines: its tabs and line ends stay. */
export const visible = (text: string): string =>
  text.replace(controls, (found) => (found === '\r\n' ? '\n' : kept.has(found) ? found : codeOf(found)))

const named: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\r\n': '\\r\\n' }

/** Text that fills no more than one line, whatever is in it. */
export const visibleLine = (text: string): string => text.replace(controls, (found) => named[found] ?? codeOf(found))

/** JSON that says the same: what is written out here can stand in its strings only. */
export const visibleJson = (json: string): string =>
  json.replace(/[\u007f-\u009f\p{Bidi_Control}\u2028\u2029]/gu, codeOf)

const codeOf = (found: string): string => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`
