/** What the headers of a request ask for. Whatever of `Prefer` is not known or not sound counts as not said. */

/** **Source** RFC 7240, sections 4.1 and 4.3 */
export interface Preferences {
  readonly respondAsync: boolean
  /** How long the answer may take; undefined: not said. */
  readonly waitSec: number | undefined
}

const preference = /^([!#$%&'*+.^`|~\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s";,]*)))?\s*(?:;.*)?$/s
const whole = /^\d{1,9}$/

export function preferencesOf(header: string | null): Preferences {
  let [respondAsync, waitSec]: [boolean, number | undefined] = [false, undefined]
  for (const one of (header ?? '').split(',')) {
    const [, name = '', quoted, bare] = preference.exec(one.trim()) ?? []
    const value = quoted ?? bare ?? ''
    if (name.toLowerCase() === 'respond-async') respondAsync = true
    // The first one counts.
    if (name.toLowerCase() === 'wait' && waitSec === undefined && whole.test(value)) waitSec = Number(value)
  }
  return { respondAsync, waitSec }
}

const bareKey = /^[\x21\x23-\x7e][\x21-\x7e]*$/
const quotedKey = /^"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/
const keyMax = 255

/**
 * The key, written bare or as a quoted string; undefined for what is none.
 *
 * **Shape** 1 to 255 visible characters of ASCII.
 * **Source** draft-ietf-httpapi-idempotency-key-header-07, section 2.1; RFC 9651, section 3.3.3
 */
export function idempotencyKeyOf(header: string): string | undefined {
  const key = bareKey.test(header) ? header : quotedKey.exec(header)?.[1]?.replaceAll(/\\(["\\])/g, '$1')
  return key !== undefined && key.length >= 1 && key.length <= keyMax ? key : undefined
}

const jsonType = /^application\/(?:[\w!#$&^.+-]+\+)?json\s*(?:;|$)/i
const otherCharset = /;\s*charset\s*=(?!\s*"?utf-?8"?\s*(?:;|$))/i

/** JSON is in UTF-8. */
export const isJson = (contentType: string | null): boolean =>
  contentType !== null && jsonType.test(contentType) && !otherCharset.test(contentType)
