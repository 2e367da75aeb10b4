/** A value of a scenario file, and where it stands. */
export interface Located {
  readonly value: unknown
  /** Line of its key, or of itself where it has none; from 1. */
  readonly line: number
  /** Members of a map by key, of a list by index; undefined for everything else. */
  readonly children: ReadonlyMap<string | number, Located> | undefined
  /** Values in it, itself included, aliases counted as often as they stand. */
  readonly size: number
  /** Levels in it, itself included. */
  readonly depth: number
}

/** Keys and indices from the root of a file. */
export type Path = readonly (string | number)[]

/** The line of what stands at `path`, or of the last part of it that exists; `missing` counts the parts that do not. */
export function placeAt(root: Located, path: Path): { readonly line: number; readonly missing: number } {
  let at = root
  for (const [depth, part] of path.entries()) {
    const next = at.children?.get(part)
    if (next === undefined) return { line: at.line, missing: path.length - depth }
    at = next
  }
  return { line: at.line, missing: 0 }
}

/** As people write it: `edges[2].from`, `services.profile.latency`. */
export function pathText(path: Path): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('')
}
