import { isEntry, type Tree, targetOf, type Violation } from './tree.ts'

/**
 * Folder -> floor. A file may import its own folder and lower floors. `node` is the platform, right above the contracts;
 * `sqlite` and the other adapters import contracts and platform only, and are built into nothing below the tools.
 */
const floors: Readonly<Record<string, number>> = {
  contracts: 0,
  node: 1,
  policy: 2,
  define: 3,
  ledger: 4,
  runtime: 5,
  sqlite: 6,
  kafka: 6,
  postgres: 6,
  gateway: 7,
  testing: 7,
  cli: 8,
}
const adapters = new Set(['sqlite', 'kafka', 'postgres'])
// What an adapter adapts, and nobody else touches.
const peers: Readonly<Record<string, readonly string[]>> = {
  kafka: ['@platformatic/kafka'],
  postgres: ['pg'],
}
// The same of rooms of other packages.
const peersOfRooms: Readonly<Record<string, readonly string[]>> = {
  'packages/lab/src/file': ['yaml', 'zod'],
  'packages/lab/src/report': ['@observablehq/plot', 'linkedom'],
}
const lowest = new Set(['contracts', 'node'])
// Below the adapters nothing touches the machine but through the platform floor.
const platformFree = new Set(['contracts', 'policy', 'define', 'ledger', 'runtime'])

const library = 'packages/firebreak/src/'

const folderOf = (path: string): string => path.slice(library.length).split('/')[0] ?? ''

export function floorRules(tree: Tree): readonly Violation[] {
  return [...libraryFloors(tree), ...packageWalls(tree), ...appWalls(tree), ...entryShape(tree)]
}

function libraryFloors(tree: Tree): readonly Violation[] {
  const found: Violation[] = []
  for (const source of tree.sources.values()) {
    if (!source.path.startsWith(library) || isEntry(source.path)) continue
    const folder = folderOf(source.path)
    if (!(folder in floors)) {
      found.push({ rule: 'floors', at: `${source.path}:1`, says: `folder "${folder}" has no floor: give it one` })
      continue
    }
    for (const { from, line } of source.imports) {
      const target = targetOf(source, from)
      const says = target === undefined ? packageProblem(folder, from) : floorProblem(folder, target)
      if (says !== undefined) found.push({ rule: 'floors', at: `${source.path}:${line}`, says })
    }
  }
  return found
}

function floorProblem(folder: string, target: string): string | undefined {
  if (!target.startsWith(library)) return `leaves the library: ${target}`
  if (isEntry(target)) return `imports the entry ${target}: import where it is written`
  const other = folderOf(target)
  if (other === folder) return undefined
  if (adapters.has(folder))
    return lowest.has(other) ? undefined : `an adapter imports contracts and node only, not ${other}`
  const isLower = (floors[other] ?? Number.POSITIVE_INFINITY) < (floors[folder] ?? 0)
  return isLower ? undefined : `${folder} imports ${other}, which is not below it`
}

function packageProblem(folder: string, from: string): string | undefined {
  if (peers[folder]?.includes(from)) return undefined
  if (!from.startsWith('node:')) return `the library depends on nothing, not on ${from}`
  return platformFree.has(folder) ? `${folder} touches the machine: ${from}; go through src/node` : undefined
}

// A package beside the library sees the entries of the library, and its own rooms; those are kept in order by the room rule.
function packageWalls(tree: Tree): readonly Violation[] {
  const found: Violation[] = []
  for (const source of tree.sources.values()) {
    const [home] = /^packages\/[^/]+\/src\//.exec(source.path) ?? [library]
    if (home === library) continue
    const room = source.path.split('/').slice(0, 4).join('/')
    const may = ({ from }: { from: string }): boolean =>
      targetOf(source, from)?.startsWith(home) ??
      (/^(node:.*|firebreak(\/\w+)?)$/.test(from) || peersOfRooms[room]?.includes(from) === true)
    for (const { from, line } of source.imports.filter((one) => !may(one))) {
      const says = `imports ${from}: a package uses the entries of firebreak, and what its room adapts`
      found.push({ rule: 'floors', at: `${source.path}:${line}`, says })
    }
  }
  return found
}

// An app sees what everybody sees.
function appWalls(tree: Tree): readonly Violation[] {
  const found: Violation[] = []
  for (const source of tree.sources.values()) {
    if (!source.path.startsWith('apps/')) continue
    const home = source.path.split('/').slice(0, 2).join('/')
    for (const { from, line } of source.imports) {
      const target = targetOf(source, from)
      const leaves = target !== undefined && !target.startsWith(`${home}/`)
      const isDeep = /^firebreak\/(src|dist|internal)\b/.test(from)
      if (leaves || isDeep) {
        const says = `imports ${from}: an app uses the public entries of firebreak only`
        found.push({ rule: 'floors', at: `${source.path}:${line}`, says })
      }
    }
  }
  return found
}

/** Refuses an old Node before anything else runs. */
const firstImport = './node/supported-node.ts'

function entryShape(tree: Tree): readonly Violation[] {
  const says = `an entry holds named re-exports, the import of ${firstImport} and nothing else`
  return [...tree.sources.values()]
    .filter(({ path, ownStatements, imports }) => {
      const allowed = imports.filter(({ from }) => from === firstImport).length
      return isEntry(path) && ownStatements > allowed
    })
    .map(({ path }) => ({ rule: 'entries', at: `${path}:1`, says }))
}
