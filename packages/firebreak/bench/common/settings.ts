import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Compression } from 'firebreak/kafka'

/** What a figure is worth nothing without. */
export interface Machine {
  readonly node: string
  readonly cores: number
  readonly cpu: string
  readonly memoryGib: number
  readonly eventBytes: number
  readonly commit: string
}

export const eventBytes = 256
/** Of every topic of the Kafka suite. */
export const partitions = 6
export const replicas = 1
/** Handlers of a measured service that run at the same time. */
export const handlersMax = 100
/** Of what is produced to Kafka, by the bare loop and by firebreak alike: KafkaJS reads nothing else without more packages. */
export const compression: Compression = 'none'
/** Most bytes of one answer of a broker, for the bare loop: with the client's default of 50 MB it is several times slower. */
export const fetchBytesMax: number = 4 * 1024 * 1024

export function machine(): Machine {
  return {
    node: process.version,
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGib: Math.round(totalmem() / 2 ** 30),
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

/** The versions of packages as they are installed. */
export function versionsOf(...names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, versionOf(name)]))
}

function versionOf(name: string): string {
  const path = findPackageJSON(name, import.meta.url)
  if (path === undefined) throw new Error(`the package ${name} is not installed`)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
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

/** Of an even number of values, between the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const [below, above] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  return ((below ?? Number.NaN) + (above ?? Number.NaN)) / 2
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

export const round2 = (value: number): number => Math.round(value * 100) / 100
export const round3 = (value: number): number => Math.round(value * 1000) / 1000
