import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'

/** What a figure is worth nothing without. */
export interface Settings {
  readonly node: string
  readonly sqlite: string
  readonly cores: number
  readonly cpu: string
  readonly memoryGib: number
  readonly durability: 'full'
  readonly eventBytes: number
  readonly commit: string
}

export const eventBytes = 256

export function settings(): Settings {
  return {
    node: process.version,
    sqlite: process.versions['sqlite'] ?? 'unknown',
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGib: Math.round(totalmem() / 2 ** 30),
    durability: 'full',
    eventBytes,
    commit: revision(),
  }
}

function revision(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}

/** A folder for one measurement, removed afterwards. */
export async function inFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-bench-'))
  try {
    return await run(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const perSecond = (count: number, elapsedMs: number): number => Math.round((count / elapsedMs) * 1000)

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
