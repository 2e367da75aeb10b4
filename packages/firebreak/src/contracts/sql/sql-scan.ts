/**
 * Reads SQL text as far as it takes to tell what is code and what is quoted: literals, names, comments. It knows the two
 * dialects and no grammar.
 *
 * **Source** https://sqlite.org/lang_expr.html, https://www.postgresql.org/docs/current/sql-syntax-lexical.html
 */
export type SqlDialect = 'sqlite' | 'postgres'

export interface Placeholder {
  readonly at: number
  readonly length: number
  /** `$12` is number 12. */
  readonly number: number
}

export interface ScannedSql {
  /** The text with spaces for comments and for what is inside of quotes: every other character stands where it stood. */
  readonly code: string
  /** The same with what is inside of quotes. */
  readonly uncommented: string
  readonly placeholders: readonly Placeholder[]
  /** The first that is written in another way, as in `?`, `:name`, `@name`, `$name`; of PostgreSQL it may be an operator. */
  readonly otherPlaceholder: string | undefined
}

const wordCharacter = String.raw`[\w$\x80-\ufefe\uff00-\uffff]`
const word = String.raw`[\w\x80-\ufefe\uff00-\uffff]${wordCharacter}*`
const starts = String.raw`${word}|--|/\*|['"\`[$?@]|:+`
const numbered = new RegExp(String.raw`^\$(\d+)(?!${wordCharacter.replace('$', '')})`)
const named: Readonly<Record<SqlDialect, RegExp>> = {
  sqlite: new RegExp(`^(?:\\?\\d*|[:@$]${wordCharacter}+)`),
  postgres: new RegExp(`^(?:\\?|[:@][a-z_]\\w*|\\$${wordCharacter}+)`, 'i'),
}
const dollarTag = /^\$(?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?\$/
// The longest that is looked at behind a mark: names of placeholders and tags are short.
const nameMax = 200

/** Never fails: what is not closed goes to the end, and the engine says so. */
export function scanSql(text: string, dialect: SqlDialect): ScannedSql {
  const start = new RegExp(starts, 'g')
  const placeholders: Placeholder[] = []
  let otherPlaceholder: string | undefined
  let code = ''
  let uncommented = ''
  let copied = 0
  for (let found = start.exec(text); found !== null; found = start.exec(text)) {
    const [mark] = found
    const at = found.index
    const end = endOfQuoted(text, at, mark, dialect)
    if (end !== undefined) {
      const blanked = blank(mark, end - at)
      code += text.slice(copied, at) + blanked
      uncommented += text.slice(copied, at) + (isComment(mark) ? blanked : text.slice(at, end))
      copied = start.lastIndex = end
    } else if (/^[$?@]|^:$/.test(mark)) {
      const near = text.slice(at, at + nameMax)
      const [own, digits] = numbered.exec(near) ?? []
      const other = own === undefined ? named[dialect].exec(near)?.[0] : undefined
      if (own !== undefined) placeholders.push({ at, length: own.length, number: Number(digits) })
      else otherPlaceholder = surer(otherPlaceholder, other)
      start.lastIndex = at + (own ?? other ?? mark).length
    }
  }
  const rest = text.slice(copied)
  return { code: code + rest, uncommented: uncommented + rest, placeholders, otherPlaceholder }
}

// The first; but what begins with $ is an operator nowhere.
function surer(first: string | undefined, next: string | undefined): string | undefined {
  return first === undefined || (next?.startsWith('$') && !first.startsWith('$')) ? next : first
}

/** A literal or a name keeps its first quote, so that it stays a word of its own; of a comment nothing stays. */
function blank(mark: string, length: number): string {
  return isComment(mark) ? ' '.repeat(length) : `'${' '.repeat(length - 1)}`
}

const isComment = (mark: string): boolean => mark === '--' || mark === '/*'

function endOfQuoted(text: string, at: number, mark: string, dialect: SqlDialect): number | undefined {
  const isPostgres = dialect === 'postgres'
  switch (mark) {
    // A doubled quote ends one and begins the next, which comes to the same.
    case "'":
    case '"':
      return behind(text, mark, at + 1)
    case '`':
      return isPostgres ? undefined : behind(text, mark, at + 1)
    case '[':
      return isPostgres ? undefined : behind(text, ']', at + 1)
    case '--':
      return endOfLine(text, at, isPostgres ? /[\n\r]/g : /\n/g)
    case '/*':
      return isPostgres ? behindNested(text, at) : behind(text, '*/', at + 2)
    case '$': {
      const [tag] = (isPostgres && dollarTag.exec(text.slice(at, at + nameMax))) || []
      return tag === undefined ? undefined : behind(text, tag, at + tag.length)
    }
    case 'e':
    case 'E':
      return isPostgres && text[at + 1] === "'" ? behindEscapes(text, at + 2) : undefined
    default:
      return undefined
  }
}

function behind(text: string, close: string, from: number): number {
  const at = text.indexOf(close, from)
  return at === -1 ? text.length : at + close.length
}

function endOfLine(text: string, from: number, ends: RegExp): number {
  ends.lastIndex = from
  return ends.exec(text)?.index ?? text.length
}

function behindNested(text: string, from: number): number {
  const marks = /\/\*|\*\//g
  marks.lastIndex = from
  let depth = 0
  for (let found = marks.exec(text); found !== null; found = marks.exec(text)) {
    depth += found[0] === '/*' ? 1 : -1
    if (depth === 0) return marks.lastIndex
  }
  return text.length
}

// A literal goes on behind a line's end, and its backslashes with it.
function behindEscapes(text: string, from: number): number {
  const marks = /\\[\s\S]|'(?:[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:\s|--[^\n\r]*[\n\r])*')?/g
  marks.lastIndex = from
  for (let found = marks.exec(text); found !== null; found = marks.exec(text)) {
    if (found[0] === "'") return marks.lastIndex
  }
  return text.length
}
