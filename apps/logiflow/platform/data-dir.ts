import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FIRST_NIGHT_MS, type SimClock, simNowMs } from './sim-clock.ts'

type Saved = { readonly simMs: number; readonly pid: number; readonly url: string }

const fileIn = (dataDir: string): string => join(dataDir, 'logiflow.json')

const read = (dataDir: string): Saved | undefined => {
  try {
    return JSON.parse(readFileSync(fileIn(dataDir), 'utf8')) as Saved
  } catch {
    return undefined
  }
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** The address of the LogiFlow that runs on this data already. */
export const runningHere = (dataDir: string): { pid: number; url: string } | undefined => {
  const saved = read(dataDir)
  return saved !== undefined && saved.url !== '' && saved.pid !== process.pid && isAlive(saved.pid) ? saved : undefined
}

export const isUsed = (dataDir: string): boolean => read(dataDir) !== undefined

export const emptyDataDir = (dataDir: string): void => rmSync(dataDir, { recursive: true, force: true })

/** The world stands still while nobody runs it: its clock goes on where it was. */
export const resumeClock = (dataDir: string, speed: number): SimClock => {
  mkdirSync(dataDir, { recursive: true })
  return { simStartMs: read(dataDir)?.simMs ?? FIRST_NIGHT_MS, wallStartMs: Date.now(), speed }
}

/** `url` is empty when LogiFlow has ended. */
export const saveState = (dataDir: string, clock: SimClock, url: string): void => {
  const saved: Saved = { simMs: simNowMs(clock), pid: process.pid, url }
  writeFileSync(`${fileIn(dataDir)}.new`, JSON.stringify(saved))
  renameSync(`${fileIn(dataDir)}.new`, fileIn(dataDir))
}
