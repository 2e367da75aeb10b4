/**
 * Node's SQLite, asked for when the module runs: a static import of a module that an older Node does not have fails before
 * any line can say which Node is needed.
 */
import './supported-node.ts'

export type DatabaseSync = import('node:sqlite').DatabaseSync
export const DatabaseSync: typeof import('node:sqlite').DatabaseSync =
  process.getBuiltinModule('node:sqlite').DatabaseSync
