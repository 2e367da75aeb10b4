import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LOCK_NAME, lockData, makePrivateDir } from './data-lock.ts'
import { type EngineChoice, embedded } from './engine-settings.ts'
import { type Made, type Note, nothingMade } from './server-space.ts'
import { FIRST_NIGHT_MS, type SimClock, simNowMs } from './sim-clock.ts'

export type KeptEngines = EngineChoice & { readonly namespace: string }
type Saved = {
  readonly simMs?: number
  readonly pid?: number
  /** Empty when LogiFlow has ended. */
  readonly url?: string
  readonly engines?: KeptEngines
  readonly made?: Made
}

const fileIn = (dataDir: string): string => join(dataDir, 'logiflow.json')

const read = (dataDir: string): Saved | undefined => {
  try {
    return JSON.parse(readFileSync(fileIn(dataDir), 'utf8')) as Saved
  } catch {
    return undefined
  }
}

const write = (dataDir: string, change: Saved): void => {
  makePrivateDir(dataDir)
  writeFileSync(`${fileIn(dataDir)}.new`, JSON.stringify({ ...read(dataDir), ...change }), { mode: 0o600 })
  renameSync(`${fileIn(dataDir)}.new`, fileIn(dataDir))
}

/** Whether a LogiFlow runs on this data. Not for the process that holds its lock. */
export const runsHere = (dataDir: string): boolean => {
  if (!existsSync(join(dataDir, LOCK_NAME))) return false
  const lock = lockData(dataDir)
  lock?.release()
  return lock === undefined
}

/** What the LogiFlow that has the lock says of itself; the url is empty while it starts. */
export const holderOf = (dataDir: string): { readonly pid: number | undefined; readonly url: string } => {
  const { pid, url = '' } = read(dataDir) ?? {}
  return { pid, url }
}

export const isUsed = (dataDir: string): boolean => read(dataDir) !== undefined

/** A start that failed before its first process leaves notes in the folder and no clock. */
export const hasRun = (dataDir: string): boolean => read(dataDir)?.simMs !== undefined

/** The lock stays: it is held by who empties the folder. */
export const emptyDataDir = (dataDir: string): void => {
  for (const name of readdirSync(dataDir))
    if (name !== LOCK_NAME) rmSync(join(dataDir, name), { recursive: true, force: true })
}

/** The engines that the data of this folder belongs to; undefined for a new one. */
export const keptEngines = (dataDir: string): KeptEngines | undefined => {
  const saved = read(dataDir)
  return saved === undefined ? undefined : (saved.engines ?? { ...embedded, namespace: '' })
}

export const madeHere = (dataDir: string): Made => read(dataDir)?.made ?? nothingMade

/** For a start: the engines that the folder belongs to, and what is created on servers besides what was created before. */
export const notesIn = (dataDir: string, engines: KeptEngines): Note => {
  const before = madeHere(dataDir)
  return (made) => {
    const both = (which: keyof Made): readonly string[] => [...new Set([...before[which], ...made[which]])]
    // The url that a killed LogiFlow has left is nobody's any more.
    write(dataDir, { engines, url: '', made: { databases: both('databases'), topics: both('topics') } })
  }
}

/** The world stands still while nobody runs it: its clock goes on where it was. */
export const resumeClock = (dataDir: string, speed: number): SimClock => {
  makePrivateDir(dataDir)
  return { simStartMs: read(dataDir)?.simMs ?? FIRST_NIGHT_MS, wallStartMs: Date.now(), speed }
}

/** `url` is empty when LogiFlow has ended. */
export const saveState = (dataDir: string, clock: SimClock, url: string): void =>
  write(dataDir, { simMs: simNowMs(clock), pid: process.pid, url })
