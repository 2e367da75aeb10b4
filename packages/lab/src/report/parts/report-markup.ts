/** Text that is markup already; everything else is escaped on its way into a page. */
export interface Markup {
  readonly markup: string
}

type Part = string | number | Markup | readonly Part[]

/** Builds markup; what is put in is escaped unless it is markup itself. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return { markup: texts.reduce((all, text, at) => all + text + (at < parts.length ? shown(parts[at] ?? '') : ''), '') }
}

/** Takes text that a drawing library has escaped. */
export const ready = (markup: string): Markup => ({ markup })

function shown(part: Part): string {
  if (typeof part === 'string') return escaped(part)
  if (typeof part === 'number') return escaped(String(part))
  return 'markup' in part ? part.markup : part.map(shown).join('')
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: no document may hold these
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g

function escaped(text: string): string {
  return text.replace(forbidden, ' ').replace(/[&<>"']/g, (found) => entities[found] ?? found)
}
