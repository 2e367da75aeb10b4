import { statSync } from 'node:fs'

/**
 * Tells whether an open file is still the one at its path. A file that was deleted can be written to as long as it is open,
 * and is gone with the process.
 */
export function fileWatch(path: string): () => boolean {
  const { dev, ino } = statSync(path)
  return () => {
    const now = statSync(path, { throwIfNoEntry: false })
    return now !== undefined && now.ino === ino && now.dev === dev
  }
}

export const fileIsGone = 'its file was deleted or replaced while it was open, and what is written now would be lost'
