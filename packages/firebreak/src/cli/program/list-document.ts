/** A JSON document with a long list in it, written while the list grows. Nothing is written before the first item or the end. */
export interface ListDocument {
  add(item: unknown): void
  /** `tail`: the fields behind the list. */
  end(tail?: Fields): void
}

type Fields = Readonly<Record<string, unknown>>

/** `head`: the fields before the list that is called `name`. The text is that of `JSON.stringify` with two spaces. */
export function listDocument(write: (json: string) => void, head: Fields, name: string): ListDocument {
  let isBegun = false
  let isEmpty = true
  const begin = (): void => {
    if (isBegun) return
    isBegun = true
    write(
      `{\n${fieldLines(head)
        .map((line) => `${line},\n`)
        .join('')}  ${JSON.stringify(name)}: [`,
    )
  }
  return {
    add(item) {
      begin()
      write(`${isEmpty ? '' : ','}\n    ${indented(item, 4)}`)
      isEmpty = false
    },
    end(tail = {}) {
      begin()
      const after = fieldLines(tail).map((line) => `,\n${line}`)
      write(`${isEmpty ? '' : '\n  '}]${after.join('')}\n}\n`)
    },
  }
}

const fieldLines = (fields: Fields): readonly string[] =>
  Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${JSON.stringify(name)}: ${indented(value, 2)}`)

const indented = (value: unknown, spaces: number): string =>
  JSON.stringify(value, null, 2).replaceAll('\n', `\n${' '.repeat(spaces)}`)
