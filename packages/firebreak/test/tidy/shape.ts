import { isEntry, isTest, type Tree, type Violation } from './tree.ts'

const sourceLinesMax = 320
const testLinesMax = 500
const functionLinesMax = 60
const parametersMax = 4
const portMethodsMax = 5
// What a package or an app ships. Tests may pass what types forbid.
const shipped = /^(packages\/[^/]+\/src|apps\/[^/]+\/(?!test\/))/

/** Sizes, `export *`, index files, default exports. */
export function shapeRules(tree: Tree): readonly Violation[] {
  const found: Violation[] = []
  for (const source of tree.sources.values()) {
    const add = (rule: string, line: number, says: string): void => {
      found.push({ rule, at: `${source.path}:${line}`, says })
    }
    const linesMax = isTest(source.path) ? testLinesMax : sourceLinesMax
    if (source.lines > linesMax) add('file length', 1, `${source.lines} lines, at most ${linesMax}`)
    for (const { name, line, lines, parameters } of source.functions) {
      if (lines > functionLinesMax)
        add('function length', line, `${name} has ${lines} lines, at most ${functionLinesMax}`)
      if (parameters > parametersMax) add('parameters', line, `${name} takes ${parameters}, at most ${parametersMax}`)
    }
    if (source.path.startsWith('packages/firebreak/src/contracts/')) {
      for (const { name, methods } of source.interfaces)
        if (methods > portMethodsMax) add('ports', 1, `${name} has ${methods} methods, at most ${portMethodsMax}`)
    }
    for (const { name, line } of source.exports) {
      if (name === '*') add('export *', line, 'name what is exported')
      if (name === 'default') add('default export', line, 'give it a name: names can be searched for')
    }
    if (source.path.endsWith('/index.ts') && !isEntry(source.path))
      add('index files', 1, 'import from where it is written')
    if (shipped.test(source.path))
      for (const line of doubleCasts(source.text)) add('casts', line, '`as unknown as`: give it the interface it lacks')
    for (const [index, text] of source.text.split('\n').entries())
      if (/\bTODO\b(?!\s*\(?#\d)/.test(text)) add('todo', index + 1, 'write the number of the issue: TODO #12')
  }
  return found
}

/** Lines of casts that the compiler would refuse without the step through `unknown`. */
function doubleCasts(text: string): readonly number[] {
  return [...text.matchAll(/\bas\s+(?:unknown|any|never)\s*\)?\s*as\b/g)].map(
    ({ index }) => text.slice(0, index).split('\n').length,
  )
}

/** Median and 95th percentile of what the rules bound: numbers to watch, not to fail on. */
export function sizes(tree: Tree): readonly string[] {
  const sources = [...tree.sources.values()].filter(({ path }) => /^packages\/[^/]+\/src\//.test(path))
  const describe = (what: string, values: readonly number[]): string => {
    const sorted = values.toSorted((a, b) => a - b)
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    return `${what}: median ${at(0.5)}, p95 ${at(0.95)}, max ${sorted.at(-1) ?? 0} over ${sorted.length}`
  }
  return [
    describe(
      'lines per source file',
      sources.map(({ lines }) => lines),
    ),
    describe(
      'lines per function',
      sources.flatMap(({ functions }) => functions.map(({ lines }) => lines)),
    ),
  ]
}
