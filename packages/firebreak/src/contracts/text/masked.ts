/** Credentials in text of others, which may be told, logged and kept in letters: what they are written as, and what was sent. */
const shown = '***'

// A password in an address, and what follows the name of a scheme. Bounded: looking must not take the square of a length.
const inUrl = /\b([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/@"'<>]{1,500}@/gi
const behindScheme = /\b(Bearer|Basic|Digest|Negotiate)\s+[\w.~+/=:-]{16,4000}/gi

/** The text without credentials; `secrets` are values that it must not tell. */
export function masked(text: string, secrets: readonly string[] = []): string {
  let left = text
  for (const secret of secrets) left = left.replaceAll(secret, shown)
  return left.replace(inUrl, `$1${shown}@`).replace(behindScheme, `$1 ${shown}`)
}

const isSecret = /^(?:proxy-)?authorization$|cookie|token|secret|password|passwd|credential|signature|api-?key|^key$/i
// Shorter ones would mask half of every text, and protect nothing.
const secretLeast = 6

/** What of the headers of a request its answer must not tell: values of credentials, and their parts. */
export function secretsOf(headers: Iterable<readonly [string, string]>): readonly string[] {
  const found = new Set<string>()
  for (const [name, value] of headers) {
    if (!isSecret.test(name)) continue
    found.add(value)
    const [scheme = '', ...rest] = value.split(' ')
    if (rest.length > 0) found.add(rest.join(' '))
    if (/^basic$/i.test(scheme)) for (const part of decoded(rest.join(''))) found.add(part)
    for (const pair of value.split(';')) found.add(pair.slice(pair.indexOf('=') + 1).trim())
  }
  // The longest first: a part that is masked would hide the whole.
  return [...found].filter((one) => one.length >= secretLeast).sort((a, b) => b.length - a.length)
}

function decoded(base64: string): readonly string[] {
  try {
    const pair = atob(base64)
    return [pair, pair.slice(pair.indexOf(':') + 1)]
  } catch {
    return []
  }
}
