import type { Sql, SqlRow, SqlValue } from '../../contracts/database.ts'

/** A statement for many rows at once, in a few fixed widths, so that each is prepared once and stays prepared. */
export interface WideStatement {
  /** Values of one row. */
  readonly columns: number
  /** Ascending. */
  readonly forms: readonly { readonly width: number; readonly text: string }[]
}

const widths = [1, 4, 16, 64, 256]

/**
 * `fixed` values come first, then `columns` for each row. `textOf` gets the rows as what stands behind FROM: a table `listed`
 * with `column1` and so on.
 *
 * The condition always holds. PostgreSQL takes one on a list of values to leave one row, and so plans a look into an index for
 * each. By the length of the list it would read a small table as a whole, and keep that plan while the table grows.
 */
export function wideStatement(
  { fixed, columns }: { readonly fixed: number; readonly columns: number },
  textOf: (list: string) => string,
): WideStatement {
  const row = (i: number): string => {
    const places = Array.from({ length: columns }, (_, column) => `$${fixed + i * columns + column + 1}`)
    return `(${places.join(', ')}, 1)`
  }
  const listOf = (width: number): string => {
    const rows = Array.from({ length: width }, (_, i) => row(i))
    return `(VALUES ${rows.join(', ')}) AS listed WHERE listed.column${columns + 1} = 1`
  }
  return { columns, forms: widths.map((width) => ({ width, text: textOf(listOf(width)) })) }
}

/** Runs it for all rows, in order, in as few statements as there are; places that are left over are NULL. */
export async function queryWide<Row = SqlRow>(
  sql: Pick<Sql, 'query'>,
  { columns, forms }: WideStatement,
  { fixed, rows }: { readonly fixed: readonly SqlValue[]; readonly rows: readonly (readonly SqlValue[])[] },
): Promise<readonly Row[]> {
  const found: Row[] = []
  for (let from = 0; from < rows.length; ) {
    const form = forms.find(({ width }) => width >= rows.length - from) ?? forms.at(-1)
    if (form === undefined) break
    const values: SqlValue[] = rows.slice(from, from + form.width).flat()
    while (values.length < form.width * columns) values.push(null)
    found.push(...(await sql.query<Row>(form.text, [...fixed, ...values])))
    from += form.width
  }
  return found
}
