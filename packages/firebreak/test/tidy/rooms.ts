import { dirname } from 'node:path/posix'
import { rings } from './graph.ts'
import { isTest, type Tree, targetOf, type Violation } from './tree.ts'

const filesMax = 24

/** A folder holds few files, and the folders of a package import each other in one direction. */
export function roomRules(tree: Tree): readonly Violation[] {
  return [...crowdedFolders(tree), ...folderRings(tree)]
}

function crowdedFolders(tree: Tree): readonly Violation[] {
  return [...filesOf(tree)]
    .filter(([, files]) => files > filesMax)
    .map(([folder, files]) => ({ rule: 'rooms', at: `${folder}:1`, says: `${files} files, at most ${filesMax}` }))
}

/** The folder with the most files, to watch. */
export function largestFolder(tree: Tree): string {
  const [folder, files] = [...filesOf(tree)].reduce((most, next) => (next[1] > most[1] ? next : most), ['none', 0])
  return `files per folder: max ${files}, ${folder}`
}

function filesOf(tree: Tree): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const path of tree.sources.keys()) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
  return counts
}

function folderRings(tree: Tree): readonly Violation[] {
  const edges = new Map<string, string[]>()
  for (const source of tree.sources.values()) {
    if (!source.path.startsWith('packages/') || isTest(source.path)) continue
    const folder = dirname(source.path)
    const others = edges.get(folder) ?? []
    for (const { from } of source.imports) {
      const target = targetOf(source, from)
      if (target !== undefined && dirname(target) !== folder && !isTest(target)) others.push(dirname(target))
    }
    edges.set(folder, others)
  }
  return rings(edges).map((ring) => ({
    rule: 'rooms',
    at: `${ring[0]}:1`,
    says: `folders go round: ${ring.join(' -> ')}`,
  }))
}
