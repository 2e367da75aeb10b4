/** Gathers what is wrong with a file, each mistake once and with its line. */
import { type Located, type Path, pathText, placeAt } from './read-located.ts'

/** One mistake of a scenario file. */
export interface Problem {
  /** From 1. */
  readonly line: number
  /** `services.profile.latency`; '' for the file as a whole. */
  readonly path: string
  /** What is wrong with the value, without the path. */
  readonly message: string
  /** What was probably meant. */
  readonly suggestion?: string
}

/** What is wrong with a value, wherever it stands. */
export interface Finding {
  readonly message: string
  /** Looking for what was meant takes time: a function is called only for problems that are shown. */
  readonly suggestion?: string | undefined | (() => string | undefined)
}

/** Where something is written: under the first of these that holds it. An arm's value may come from the arm or from the base. */
export type Places = readonly Path[]

/** Gathers problems, each once. */
export interface Problems {
  /** `arm`: the arm in which it was seen; a problem that only some arms have names them. */
  add(places: Places, rest: Path, finding: Finding, arm?: string): void
  /** Adds what is wrong with the shape of a value: nothing else that is said about it counts then. */
  addShape(places: Places, rest: Path, finding: Finding, arm?: string): void
  /** Whether the shape is known to be wrong there or below. */
  isMisshapen(places: Places, rest: Path): boolean
  list(arms: number): readonly Problem[]
}

const problemsMax = 100

/** Starts without any. */
export function problemsOf(root: Located): Problems {
  const found = new Map<string, Kept>()
  const paths = new Set<string>()
  const add: Problems['add'] = (places, rest, { message, suggestion }, arm) => {
    const { path, line } = placed(root, places, rest)
    const text = pathText(path)
    const key = `${text}\n${message}`
    const problem = found.get(key) ?? { line, path: text, message, suggestion, arms: new Set() }
    if (arm !== undefined) problem.arms.add(arm)
    found.set(key, problem)
  }
  return {
    add,
    addShape(places, rest, finding, arm) {
      add(places, rest, finding, arm)
      const { path } = placed(root, places, rest)
      for (let depth = 0; depth <= path.length; depth++) paths.add(pathText(path.slice(0, depth)))
    },
    isMisshapen: (places, rest) => places.some((place) => paths.has(pathText([...place, ...rest]))),
    list(arms) {
      const sorted = [...found.values()].sort((a, b) => a.line - b.line)
      return shortened(sorted, (kept) => problemOf(kept, arms))
    },
  }
}

/** The first hundred in words, and how many more there are. */
export function shortened<T extends { readonly line: number }>(
  problems: readonly T[],
  inWords: (problem: T) => Problem,
): readonly Problem[] {
  const first = problems.slice(0, problemsMax).map(inWords)
  const next = problems[problemsMax]
  if (next === undefined) return first
  return [...first, { line: next.line, path: '', message: `and ${problems.length - problemsMax} more problems` }]
}

interface Kept extends Finding {
  readonly line: number
  readonly path: string
  readonly arms: Set<string>
}

function problemOf({ line, path, message, suggestion, arms }: Kept, armCount: number): Problem {
  const isPartial = arms.size > 0 && arms.size < armCount && !path.startsWith('arms.')
  const meant = typeof suggestion === 'function' ? suggestion() : suggestion
  return {
    line,
    path,
    message: isPartial ? `${message} (arm ${[...arms].join(', ')})` : message,
    ...(meant !== undefined && { suggestion: meant }),
  }
}

function placed(root: Located, places: Places, rest: Path): { readonly path: Path; readonly line: number } {
  let best: { readonly path: Path; readonly line: number; readonly missing: number } | undefined
  for (const place of places) {
    // A place that is not in the file is none, however short the rest is.
    if (placeAt(root, place).missing > 0) continue
    const path = [...place, ...rest]
    const { line, missing } = placeAt(root, path)
    if (missing < (best?.missing ?? Number.POSITIVE_INFINITY)) best = { path, line, missing }
  }
  if (best !== undefined) return best
  const path = [...(places[0] ?? []), ...rest]
  return { path, line: placeAt(root, path).line }
}

/** A value in a message: short, and as it was written. */
export function shown(value: unknown): string {
  if (value === null) return 'nothing'
  if (typeof value === 'object') return Array.isArray(value) ? 'a list' : 'a map'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** `Did you mean "profile"?`, the names there are where none is near, or nothing where there is none. */
export function meantOf(near: string | undefined, known: readonly string[]): string | undefined {
  if (near !== undefined) return `Did you mean "${near}"?`
  if (known.length === 0) return undefined
  const rest = known.length > 12 ? ', ...' : ''
  return `There is ${known.slice(0, 12).join(', ')}${rest}`
}
