import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path/posix'
import { parseSources } from './parse.ts'
import { readSource, type Source } from './source.ts'

/** The sources under the rules, and what starts them. */
export interface Tree {
  readonly sources: ReadonlyMap<string, Source>
  /** Texts of files that are not sources and may name some: manifests, programs. Key: their path. */
  readonly starters: ReadonlyMap<string, string>
}

export interface Violation {
  readonly rule: string
  /** `path:line`. */
  readonly at: string
  readonly says: string
}

const repository: string = join(import.meta.dirname.replaceAll('\\', '/'), '../../../..')

const patterns = [
  'packages/*/{src,test,bench,torture}/**/*.ts',
  'apps/logiflow/**/*.ts',
  'scripts/**/*.ts',
  'test/**/*.ts',
] as const
const starterPatterns = ['package.json', '{packages,apps}/*/package.json', 'packages/*/bin/*.js', '.ci/run'] as const
const outside = /(^|\/)(node_modules|dist|public)(\/|$)|\.d\.ts$/

export function readTree(): Tree {
  return treeOf(textsOf(patterns), textsOf(starterPatterns))
}

export function treeOf(texts: ReadonlyMap<string, string>, starters: ReadonlyMap<string, string> = new Map()): Tree {
  const trees = parseSources(texts)
  const sources = new Map<string, Source>()
  for (const [path, tree] of trees) sources.set(path, readSource(path, texts.get(path) ?? '', tree))
  return { sources, starters }
}

function textsOf(globs: readonly string[]): ReadonlyMap<string, string> {
  const paths = globSync(globs, { cwd: repository, exclude: (path) => outside.test(path) })
  const wanted = paths.map((path) => path.replaceAll('\\', '/')).filter((path) => !outside.test(path))
  return new Map(wanted.sort().map((path) => [path, readFileSync(join(repository, path), 'utf8')]))
}

/** The path in the repository that a relative specifier means; undefined for packages. */
export function targetOf(source: Source, specifier: string): string | undefined {
  return specifier.startsWith('.') ? normalize(join(dirname(source.path), specifier)) : undefined
}

export const isTest = (path: string): boolean => /(^|\/)test\//.test(path)
export const isEntry = (path: string): boolean => /^packages\/[^/]+\/src\/[^/]+\.ts$/.test(path)
