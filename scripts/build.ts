/**
 * Builds the package in the current folder, from src into dist: JavaScript without comments, and the declarations that
 * an entry leads to, with theirs.
 *
 *     npm run build                    all packages, in the order in which they need each other
 *     npm run build -w @firebreak/lab  one; what it needs must have been built
 */
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const tsc = join(import.meta.dirname, '../node_modules/typescript/bin/tsc')
const out = 'dist'

rmSync(out, { recursive: true, force: true })
compile('--declaration', 'false', '--isolatedDeclarations', 'false', '--removeComments')
compile('--emitDeclarationOnly')
const entries = globSync(`${out}/*.d.ts`)
const wanted = reachable(entries)
for (const path of globSync(`${out}/**/*.d.ts`)) if (!wanted.has(path)) rmSync(path)

function compile(...options: readonly string[]): void {
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', ...options], { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}

/** The files, and all that they import, directly or not. */
function reachable(files: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>()
  const queue = [...files]
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (found.has(path)) continue
    found.add(path)
    for (const [, from = ''] of readFileSync(path, 'utf8').matchAll(/(?:\bfrom |\bimport ?\(?)['"](\.[^'"]+)['"]/g))
      queue.push(relative('.', join(dirname(path), from.replace(/\.[jt]s$/, '.d.ts'))))
  }
  return found
}
