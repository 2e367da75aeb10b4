/** Damage as disks and people do it: bits that are flipped, bytes that are zeroed, files that are cut. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'

export interface Damage {
  readonly file: string
  readonly what: string
}

/** Does something to one of the files, and says what. Files that are empty are left alone. */
export function damage(files: readonly string[], random: () => number): Damage {
  const below = (n: number): number => Math.floor(random() * n)
  const file = files[below(files.length)] as string
  const bytes = readFileSync(file)
  const way = random()
  const at = below(bytes.length)
  if (way < 0.15) {
    truncateSync(file, at)
    return { file, what: `cut at ${at} of ${bytes.length}` }
  }
  if (way < 0.4) {
    const count = 1 + below(way < 0.3 ? 64 : 5000)
    bytes.fill(0, at, Math.min(bytes.length, at + count))
    writeFileSync(file, bytes)
    return { file, what: `${count} bytes zeroed at ${at} of ${bytes.length}` }
  }
  const bit = below(8)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
  writeFileSync(file, bytes)
  return { file, what: `bit ${bit} flipped at ${at} of ${bytes.length}` }
}
