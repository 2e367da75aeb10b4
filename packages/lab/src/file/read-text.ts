import { errorMessage } from 'firebreak/internal'
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
} from 'yaml'
import { type Located, type Path, pathText } from './schema/read-located.ts'
import { type Problem, shortened } from './schema/read-problems.ts'

/** How a scenario is written. */
export type ScenarioFormat = 'yaml' | 'json'

/** The values of a text, or why there are none. */
export type TextResult =
  | { readonly root: Located; readonly problems: readonly [] }
  | { readonly root: undefined; readonly problems: readonly Problem[] }

const sizeMax = 2 ** 20
const valuesMax = 200_000
const depthMax = 32

/** Reads text into values with their lines. JSON is read strictly, and then as the YAML that it is, for the lines. */
export function readText(given: string, format: ScenarioFormat): TextResult {
  const text = given.replace(/^\uFEFF/, '')
  if (text.length > sizeMax || new TextEncoder().encode(text).length > sizeMax)
    return refused([{ line: 1, path: '', message: 'the file is larger than 1 MiB' }])
  const broken = format === 'json' ? jsonProblem(text) : undefined
  if (broken !== undefined) return refused([broken])
  const lines = new LineCounter()
  // Comparing every key of a map with every other takes minutes for a large one; `membersOf` looks them up instead.
  const options = { uniqueKeys: false, prettyErrors: false, logLevel: 'error', lineCounter: lines } as const
  const document = parseDocument(text, options)
  const problems = syntaxProblems(document, lines)
  if (problems.length > 0) return refused(problems)
  if (document.contents === null) return refused([{ line: 1, path: '', message: 'the file is empty' }])
  const reading: Reading = { lines, anchors: new Map(), open: new Set(), problems: [] }
  const root = located(reading, document.contents, { path: [], line: 1 })
  if (reading.problems.length > 0) return refused(shortened(reading.problems, (problem) => problem))
  if (root.depth > depthMax) return refused([{ line: 1, path: '', message: `aliases nest more than ${depthMax} deep` }])
  if (root.size <= valuesMax) return { root, problems: [] }
  return refused([
    { line: 1, path: '', message: `the file holds more than ${valuesMax} values, aliases counted in full` },
  ])
}

const refused = (problems: readonly Problem[]): TextResult => ({ root: undefined, problems })

function jsonProblem(text: string): Problem | undefined {
  const message = jsonError(text)
  if (message === undefined) return undefined
  // Not every message says where it is. The shortest beginning that is wrong in itself, and not only cut off, ends there.
  let [right, wrong] = [0, text.length]
  while (right < wrong) {
    const middle = (right + wrong) >> 1
    if (isWrongWithin(jsonError(text.slice(0, middle)), middle)) wrong = middle
    else right = middle + 1
  }
  const line = text.slice(0, Math.max(0, wrong - 1)).split('\n').length
  const what = oneLine(message)
    .replace(/ ?\(line \d+ column \d+\)$/, '')
    .replace(/^(Unexpected token '.+?'),.*$/, '$1')
  return { line, path: '', message: `is no JSON: ${what.replace(/ in JSON at position \d+$/, '')}` }
}

function jsonError(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return errorMessage(error)
  }
}

function isWrongWithin(message: string | undefined, length: number): boolean {
  if (message === undefined || /^Unexpected end/.test(message)) return false
  const position = /at position (\d+)/.exec(message)?.[1]
  return position === undefined || Number(position) < length
}

const messageMax = 200

const oneLine = (message: string): string => message.replaceAll(/\s+/g, ' ').slice(0, messageMax)

const syntaxMax = 20

function syntaxProblems({ errors, warnings }: Document.Parsed, lines: LineCounter): readonly Problem[] {
  return [...errors, ...warnings].slice(0, syntaxMax).map(({ code, message, pos }) => {
    const what = code === 'MULTIPLE_DOCS' ? 'a second document begins here, and a file holds one' : message
    if (/call stack/.test(message)) return { line: 1, path: '', message: 'the file is nested too deeply' }
    return { line: Math.max(1, lines.linePos(pos[0]).line), path: '', message: oneLine(what.replace(/\.$/, '')) }
  })
}

interface Reading {
  readonly lines: LineCounter
  /** The latest value of each anchor so far. */
  readonly anchors: Map<string, Located>
  /** Anchors whose value is being read. */
  readonly open: Set<string>
  readonly problems: Problem[]
}

interface At {
  readonly path: Path
  readonly line: number
}

function located(reading: Reading, node: Node | null, at: At): Located {
  if (isAlias(node)) return aliased(reading, node.source, at)
  const anchor = node !== null && 'anchor' in node ? node.anchor : undefined
  if (anchor !== undefined) reading.open.add(anchor)
  const found = at.path.length > depthMax ? tooDeep(reading, at) : plain(reading, node, at)
  if (anchor !== undefined) {
    reading.open.delete(anchor)
    reading.anchors.set(anchor, found)
  }
  return found
}

function plain(reading: Reading, node: Node | null, at: At): Located {
  if (isMap(node)) return collected({}, membersOf(reading, node, at), at.line)
  if (isSeq(node)) {
    const children = new Map<number, Located>()
    for (const [index, item] of node.items.entries()) {
      const line = lineOf(reading, item as Node | null) ?? at.line
      children.set(index, located(reading, item as Node | null, { path: [...at.path, index], line }))
    }
    return collected([], children, at.line)
  }
  const value = isScalar(node) ? node.value : null
  return { value: Object.is(value, -0) ? 0 : value, line: at.line, children: undefined, size: 1, depth: 1 }
}

function membersOf(reading: Reading, node: YAMLMap, at: At): Map<string, Located> {
  const children = new Map<string, Located>()
  for (const { key, value } of node.items) {
    const line = lineOf(reading, key as Node | null) ?? at.line
    const name = isScalar(key) ? key.value : key
    const path = [...at.path, String(name)]
    const refuse = (message: string): void => void reading.problems.push({ line, path: pathText(path), message })
    if (typeof name !== 'string') refuse('a key must be text: put it in quotes')
    else if (name in Object.prototype) refuse('this key is not allowed')
    else if (children.has(name)) refuse(`stands twice; first in line ${children.get(name)?.line}`)
    else children.set(name, located(reading, value as Node | null, { path, line }))
  }
  return children
}

function collected(
  value: Record<string, unknown> | unknown[],
  children: ReadonlyMap<string | number, Located>,
  line: number,
): Located {
  let [size, depth] = [1, 1]
  for (const [key, child] of children) {
    ;(value as Record<string | number, unknown>)[key] = child.value
    size += child.size
    depth = Math.max(depth, child.depth + 1)
  }
  return { value, line, children, size, depth }
}

function aliased(reading: Reading, anchor: string, at: At): Located {
  const target = reading.open.has(anchor) ? undefined : reading.anchors.get(anchor)
  if (target !== undefined) return target
  const message = reading.open.has(anchor) ? 'holds itself' : 'is defined nowhere above'
  return nothing(reading, at, `the alias *${anchor} ${message}`)
}

const tooDeep = (reading: Reading, at: At): Located => nothing(reading, at, `is nested more than ${depthMax} deep`)

function nothing(reading: Reading, { path, line }: At, message: string): Located {
  reading.problems.push({ line, path: pathText(path), message })
  return { value: null, line, children: undefined, size: 1, depth: 1 }
}

function lineOf({ lines }: Reading, node: Node | null): number | undefined {
  const start = node?.range?.[0]
  return start === undefined ? undefined : lines.linePos(start).line
}
