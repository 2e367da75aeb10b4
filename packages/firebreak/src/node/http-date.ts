// The one form that is sent today; the two others have been out of use since HTTP/1.1.
const datePattern = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/** A date of an HTTP header in ms since the epoch; undefined when it is none. **Source** RFC 9110, section 5.6.7 */
export function parseHttpDate(text: string): number | undefined {
  if (!datePattern.test(text)) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}
