import { basename, dirname, join, normalize } from 'node:path/posix'
import type { Source } from './source.ts'
import { isEntry, isTest, type Tree, targetOf, type Violation } from './tree.ts'

/** Cycles of relative imports, type imports included. Each is told once, at its first file. */
export function cycleRule(tree: Tree): readonly Violation[] {
  const edges = new Map<string, readonly string[]>()
  for (const source of tree.sources.values()) {
    const targets = source.imports.map(({ from }) => targetOf(source, from)).filter((t) => t !== undefined)
    edges.set(source.path, [...new Set(targets)].filter((t) => tree.sources.has(t)).sort())
  }
  return rings(edges).map((ring) => ({
    rule: 'cycles',
    at: `${ring[0]}:1`,
    says: `imports go round: ${ring.join(' -> ')}`,
  }))
}

/** What leads back to itself; each ring once. */
export function rings(edges: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  return components(edges).filter((ring) => ring.length > 1 || edges.get(ring[0] ?? '')?.includes(ring[0] ?? ''))
}

/** Strongly connected components. **Source** R. Tarjan, "Depth-first search and linear graph algorithms", 1972 */
function components(edges: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const found: string[][] = []
  const low = new Map<string, number>()
  const stack: string[] = []
  const visit = (node: string): number => {
    const index = low.size
    let lowest = index
    low.set(node, index)
    stack.push(node)
    for (const next of edges.get(node) ?? []) {
      const known = low.get(next)
      if (known === undefined) lowest = Math.min(lowest, visit(next))
      else if (stack.includes(next)) lowest = Math.min(lowest, known)
    }
    low.set(node, lowest)
    if (lowest === index) found.push(stack.splice(stack.indexOf(node)).sort())
    return lowest
  }
  for (const node of edges.keys()) if (!low.has(node)) visit(node)
  return found
}

/** Files that nothing starts: no entry, test, program, script or config leads to them. */
export function deadFileRule(tree: Tree): readonly Violation[] {
  const reached = new Set<string>()
  const queue = [...tree.sources.keys()].filter((path) => isRoot(tree, path))
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (reached.has(path)) continue
    reached.add(path)
    const source = tree.sources.get(path)
    if (source !== undefined) queue.push(...leadsTo(tree, source))
  }
  return [...tree.sources.keys()]
    .filter((path) => !reached.has(path))
    .map((path) => ({ rule: 'dead files', at: `${path}:1`, says: 'nothing leads here: delete it, or start it' }))
}

function isRoot(tree: Tree, path: string): boolean {
  if (isEntry(path) || path.endsWith('.test.ts') || isProgram(path)) return true
  for (const [starter, text] of tree.starters) if (names(starter, text, path)) return true
  return false
}

// Configs that the command line finds by name, and scripts that people start.
const isProgram = (path: string): boolean => basename(path) === 'firebreak.config.ts' || /(^|\/)scripts\//.test(path)

// Manifests and programs name files relative to themselves, or to the repository.
function names(starter: string, text: string, path: string): boolean {
  const folder = dirname(starter)
  const relative = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path
  const inPackage = path.startsWith(`${dirname(folder)}/`) ? path.slice(dirname(folder).length + 1) : path
  return [path, relative, inPackage].some((name) => new RegExp(`(^|[^\\w-])${escaped(name)}\\b`).test(text))
}

function leadsTo(tree: Tree, source: Source): readonly string[] {
  const imported = source.imports.map(({ from }) => targetOf(source, from)).filter((target) => target !== undefined)
  return [...imported, ...namedFiles(tree, source)]
}

/** Files that a string of a source names: what it starts as a worker or as a process. */
function namedFiles(tree: Tree, source: Source): readonly string[] {
  const found: string[] = []
  for (const text of source.strings) {
    // `./log-owner-worker*`, `services/*/main.ts`, `child.ts`: enough of a name to mean a file.
    if (!/^(\.\.?\/|[\w-]+\/).*[\w*]$|^[\w-]+\.ts$/.test(text)) continue
    const pattern = normalize(join(dirname(source.path), text))
    const home = source.path.split('/').slice(0, 2).join('/')
    const wanted = [pattern, join(home, text)].map(globbed)
    for (const path of tree.sources.keys()) if (wanted.some((one) => one.test(path))) found.push(path)
  }
  return found
}

const globbed = (pattern: string): RegExp => new RegExp(`^${pattern.split('*').map(escaped).join('[\\w.-]*')}$`)

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

// An entry for the packages beside the library: what none of them needs does not belong there.
const internal = 'packages/firebreak/src/internal.ts'

const mentions = (text: string, name: string): number => text.match(new RegExp(`\\b${name}\\b`, 'g'))?.length ?? 0

/**
 * Exports that no other file imports by name. A type may also stand in a signature of its own file: the user of that
 * signature may have to name it.
 */
export function deadExportRule(tree: Tree): readonly Violation[] {
  const used = new Map<string, Set<string>>()
  for (const source of tree.sources.values()) {
    for (const { from, names } of source.imports) {
      const target = from === 'firebreak/internal' ? internal : targetOf(source, from)
      if (target === undefined) continue
      const known = used.get(target) ?? new Set()
      for (const name of names) known.add(name)
      used.set(target, known)
    }
  }
  const found: Violation[] = []
  for (const source of tree.sources.values()) {
    if (source.path !== internal && (isEntry(source.path) || isRoot(tree, source.path))) continue
    const names = used.get(source.path)
    if (names?.has('*')) continue
    for (const { name, line, isType } of source.exports) {
      if (names?.has(name) || (isType && mentions(source.text, name) > 1)) continue
      const says = `nobody imports ${name}${isTest(source.path) ? '' : ': delete it, or do not export it'}`
      found.push({ rule: 'dead exports', at: `${source.path}:${line}`, says })
    }
  }
  return found
}
