import { createRequire } from 'node:module'
import { join } from 'node:path'

/**
 * The file that `import` of a package's module leads to: from this library, or else from the folder, where a package manager
 * may keep what the library itself does not see. undefined where neither finds it.
 */
export function resolveModule(specifier: string, folder: string): string | undefined {
  for (const from of [import.meta.filename, join(folder, 'none.js')]) {
    try {
      return createRequire(from).resolve(specifier)
    } catch {
      // Not from here.
    }
  }
  return undefined
}
