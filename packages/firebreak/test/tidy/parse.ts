import type { SourceFile } from 'typescript/unstable/ast'
import { API } from 'typescript/unstable/sync'

const root = '/tree'
const project = `${root}/tsconfig.json`

/**
 * Syntax trees of sources that need not exist on disk; keys are paths relative to the repository.
 *
 * The compiler runs as a child process and asks for every file through callbacks; nothing is resolved or checked.
 */
export function parseSources(texts: ReadonlyMap<string, string>): ReadonlyMap<string, SourceFile> {
  const files = [...texts.keys()].map((path) => `${root}/${path}`)
  const compilerOptions = { noLib: true, noResolve: true, noEmit: true, types: [], allowImportingTsExtensions: true }
  const config = JSON.stringify({ compilerOptions, files })
  const textOf = (path: string): string | undefined =>
    path === project ? config : texts.get(path.slice(root.length + 1))
  const api = new API({
    cwd: root,
    fs: {
      readFile: (path) => textOf(path) ?? null,
      fileExists: (path) => textOf(path) !== undefined,
      directoryExists: (path) => path === root,
      getAccessibleEntries: () => ({ files: [], directories: [] }),
      realpath: (path) => path,
    },
  })
  try {
    const program = api.updateSnapshot({ openProjects: [project] }).getProjects()[0]?.program
    const trees = new Map<string, SourceFile>()
    for (const path of texts.keys()) {
      const tree = program?.getSourceFile(`${root}/${path}`)
      if (tree === undefined) throw new Error(`the compiler does not know ${path}`)
      trees.set(path, tree)
    }
    return trees
  } finally {
    api.close()
  }
}
