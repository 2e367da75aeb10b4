import { statSync } from 'node:fs'

// The log of a SQLite file holds what was committed last; without the index beside it two processes would not see each other.
const parts = ['', '-wal', '-shm'] as const

/**
 * Tells whether an open SQLite file, and the files that it has beside it now, are still those at their paths. A file that was
 * deleted can be written to as long as it is open, and is gone with the process.
 */
export function fileWatch(path: string): () => boolean {
  const files = parts.flatMap((part) => {
    const found = statSync(path + part, { throwIfNoEntry: false })
    return found === undefined ? [] : [{ path: path + part, dev: found.dev, ino: found.ino }]
  })
  return () =>
    files.every((file) => {
      const now = statSync(file.path, { throwIfNoEntry: false })
      return now !== undefined && now.ino === file.ino && now.dev === file.dev
    })
}

export const fileIsGone =
  'it or a file beside it (-wal, -shm) was deleted or replaced while it was open, and what is written now would be lost'
