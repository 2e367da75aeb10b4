/**
 * Many rows for one INSERT, in few statements: 256 rows in one statement cost the server a tenth of 256 statements.
 *
 * I1  The widths are few and fixed, so that each is prepared once and stays prepared.
 * I2  Only the plain form is taken: `INSERT INTO … (…) VALUES ($1, …)`, with `ON CONFLICT … DO NOTHING` or nothing behind
 *     it. Its rows do not see each other, so it means the same in one statement as in many.
 */
import type { SqlParam } from '../contracts/database.ts'
import type { SqlText } from '../contracts/sql/sql-text.ts'
import { boundValues, rowsGiven } from '../node/sql-values.ts'
import type { Step } from './round-trip.ts'
import { parametersMax, postgresTexts, stepOf } from './statement.ts'
import { toWire, type WireValue } from './values.ts'

const shape =
  /^(\s*insert\s+into\s+[^()$;'-]+\([^()$;'-]+\)\s*values\s*)\(([\s$\d,]+)\)(\s*|\s*on\s+conflict\s*(?:\([^()$;'-]+\)\s*)?do\s+nothing\s*)$/i
const widths = [256, 64, 16, 4, 1] as const
const formsMax = 200

interface Form {
  readonly head: string
  /** The numbers of the parameters of one row. */
  readonly parameters: readonly number[]
  readonly tail: string
  /** Width -> statement. */
  readonly texts: Map<number, string>
}

/** Turns what callers ask of one database into steps. **Errors** `FB_STATEMENT_INVALID`. */
export class BatchInserts {
  readonly #texts = postgresTexts()
  readonly #forms = new Map<string, Form | null>()

  read(text: string): SqlText {
    return this.#texts.read(text)
  }

  step(text: string, params: readonly SqlParam[]): Step {
    return stepOf(this.#texts.read(text), params)
  }

  /** The steps that run `text` once for every row, in order. */
  steps(text: string, given: readonly (readonly SqlParam[])[]): readonly Step[] {
    const statement = this.#texts.read(text)
    const rows = rowsGiven(statement, given)
    const form = rows.length < 4 ? null : this.#formOf(text)
    if (form === null) return Array.from(rows, (row, i) => stepOf(statement, row, i + 1))
    const widthMax = Math.floor(parametersMax / statement.parameters)
    const steps: Step[] = []
    for (let at = 0; at < rows.length; ) {
      const width = widths.find((one) => one <= Math.min(rows.length - at, widthMax)) ?? 1
      const values: WireValue[] = []
      for (const end = at + width; at < end; at++)
        for (const value of boundValues(statement, rows[at] as readonly SqlParam[], at + 1)) values.push(toWire(value))
      steps.push({ text: textOf(form, width), values })
    }
    return steps
  }

  #formOf(text: string): Form | null {
    let form = this.#forms.get(text)
    if (form === undefined) {
      if (this.#forms.size >= formsMax) this.#forms.clear()
      form = parse(text)
      this.#forms.set(text, form)
    }
    return form
  }
}

function parse(text: string): Form | null {
  const [, head, tuple, tail] = shape.exec(text) ?? []
  if (head === undefined || tuple === undefined || tail === undefined) return null
  const parts = tuple.split(',').map((part) => part.trim())
  if (!parts.every((part) => /^\$\d+$/.test(part))) return null
  const parameters = parts.map((part) => Number(part.slice(1)))
  // Every parameter once: then a row has as many values as the tuple has places.
  const isComplete = parameters.toSorted((a, b) => a - b).every((number, i) => number === i + 1)
  return isComplete ? { head, parameters, tail, texts: new Map() } : null
}

function textOf({ head, parameters, tail, texts }: Form, width: number): string {
  let text = texts.get(width)
  if (text === undefined) {
    const tuples = Array.from({ length: width }, (_, i) => {
      const places = parameters.map((number) => `$${i * parameters.length + number}`)
      return `(${places.join(', ')})`
    })
    text = `${head}${tuples.join(', ')}${tail}`
    texts.set(width, text)
  }
  return text
}
