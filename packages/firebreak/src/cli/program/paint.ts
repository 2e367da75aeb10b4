/** A part of a line. In text, from any source, everything that would move the cursor is written out. */
export type Part = string | Painted

export type Paint = (text: string) => Part

/** Text in a colour. Colours are made by the style alone. */
class Painted {
  readonly text: string
  readonly codes: readonly [number, number]

  constructor(text: string, codes: readonly [number, number]) {
    this.text = text
    this.codes = codes
  }

  /** Within other text it has no colour. */
  toString(): string {
    return this.text
  }
}

/** Colours of the terminal, or nothing where they do not belong. */
export interface Style {
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly green: Paint
  readonly yellow: Paint
  readonly cyan: Paint
}

/** The text of a line; `shown` makes its parts harmless. */
export const written = (parts: readonly Part[], shown: (text: string) => string): string =>
  parts.map((part) => (part instanceof Painted ? colored(part.codes, shown(part.text)) : shown(part))).join('')

const colored = ([open, close]: Painted['codes'], text: string): string => `\u001b[${open}m${text}\u001b[${close}m`

export function styleOf(isColored: boolean): Style {
  const paint = (open: number, close: number): Paint =>
    isColored ? (text) => new Painted(text, [open, close]) : (text) => text
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
  }
}
