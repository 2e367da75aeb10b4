import { createServer } from 'node:net'
import { relative, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import type { Log, TopicSpec } from 'firebreak'
import * as events from './contracts/events.ts'
import { emptyDataDir, isUsed, resumeClock, runningHere, saveState } from './platform/data-dir.ts'
import { openLog } from './platform/engines.ts'
import { PORT_DEFAULT, parseStartFlags, type StartFlags, startHelp, UsageError } from './platform/flags.ts'
import { every, nowMs } from './platform/machine.ts'
import type { Command, FromChild } from './platform/messages.ts'
import { type Notices, noticeOf, openNotices } from './platform/notices.ts'
import { OpsDesk } from './platform/ops-desk.ts'
import type { SimClock } from './platform/sim-clock.ts'
import { type ChildSpec, Supervisor } from './platform/supervisor.ts'
import { systemIn } from './system.ts'

/** One minute on the road passes in a second. */
const SPEED = 60
const READY_MAX_MS = 30_000
const SAVE_EVERY_MS = 5_000
const PORTS_TRIED = 10

const isFree = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const probe = createServer()
    probe.once('error', () => done(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)))
  })

/** The port of the page, and whether the usual one was taken. */
const choosePort = async (wanted: number | undefined): Promise<number> => {
  if (wanted !== undefined) {
    if (wanted === 0 || (await isFree(wanted))) return wanted
    throw new UsageError(`port ${wanted} is taken. Leave --port out and the next free one is used.`)
  }
  for (let port = PORT_DEFAULT; port < PORT_DEFAULT + PORTS_TRIED; port++) if (await isFree(port)) return port
  throw new UsageError(`ports ${PORT_DEFAULT} to ${PORT_DEFAULT + PORTS_TRIED - 1} are taken. Choose one with --port.`)
}

const mayReset = async (flags: StartFlags, dataDir: string): Promise<boolean> => {
  if (flags.yes || !isUsed(dataDir)) return true
  if (!process.stdin.isTTY) throw new UsageError('--reset deletes data: add --yes where nobody can be asked')
  const ask = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await ask.question(`Delete everything in ${dataDir}? [y/N] `)
  ask.close()
  return /^y(es)?$/i.test(answer.trim())
}

const childSpecs = (dataDir: string, clock: SimClock, port: number): readonly ChildSpec[] => {
  const env = {
    LOGIFLOW_DATA: dataDir,
    LOGIFLOW_SIM_START_MS: String(clock.simStartMs),
    LOGIFLOW_WALL_START_MS: String(clock.wallStartMs),
    LOGIFLOW_SPEED: String(clock.speed),
  }
  const entry = (path: string): URL => new URL(path, import.meta.url)
  return [
    { name: 'portal', entry: entry('services/portal/main.ts'), env, port },
    { name: 'routing', entry: entry('services/routing/main.ts'), env },
    { name: 'tracking', entry: entry('services/tracking/main.ts'), env },
    { name: 'invoicing', entry: entry('services/invoicing/main.ts'), env },
    { name: 'world', entry: entry('world/main.ts'), env },
  ]
}

/** The log belongs to the process that lives longest. */
const ownLog = async (dataDir: string): Promise<Log> => {
  const log = openLog(dataDir)
  const topics = new Map<string, TopicSpec>()
  for (const { topic, partitions, retentionMs } of Object.values(events).filter((one) => 'topic' in one))
    topics.set(topic, { name: topic, partitions, retentionMs })
  await log.ensureTopics([...topics.values()])
  return log
}

const follow = (command: Command, supervisor: Supervisor, desk: OpsDesk): void => {
  if (command.do === 'crash') supervisor.crash(command.service)
  else desk.replay(command.service, command.id).catch(() => {}) // Somebody else decided first: the next look shows it.
}

/** Looks once a second and tells everybody; notes new dead letters. */
const watch = (supervisor: Supervisor, desk: OpsDesk, notices: Notices): { stop: () => void } => {
  const known = new Set<string>()
  let isFirst = true
  let isLooking = false
  const look = async (): Promise<void> => {
    const [backlog, letters] = await Promise.all([desk.backlog(), desk.letters()])
    for (const { id, service, message } of letters) {
      if (!known.has(id) && !isFirst)
        notices.note(service, `✖ dead letter: ${message}. Everything else goes on; replay it on the page.`)
      known.add(id)
    }
    isFirst = false
    supervisor.tell({ atMs: nowMs(), services: supervisor.statuses(), backlog, letters })
  }
  const timer = every(1_000, () => {
    if (isLooking) return
    isLooking = true
    look()
      .catch(() => {}) // A database that is being created; the next look is in a second.
      .finally(() => {
        isLooking = false
      })
  })
  return { stop: () => clearInterval(timer) }
}

const greet = (notices: Notices, data: string): void => {
  notices.say(
    'LogiFlow: routing, invoicing, tracking and portal, each a process of its own, and a world with 40 trucks',
  )
  notices.say(`  Data   ${data}`)
  notices.say(`  Clock  ${SPEED} times real time; Ctrl-C stops, npm start -- --help shows more`)
  notices.say('  Try    Crash invoicing on the page, and watch everything else go on')
}

const run = async (flags: StartFlags): Promise<void> => {
  const startedAtMs = performance.now()
  const dataDir = resolve(flags.data)
  const other = runningHere(dataDir)
  if (other !== undefined)
    throw new UsageError(`LogiFlow runs on ${flags.data} already: ${other.url} (pid ${other.pid})`)
  if (flags.reset) {
    if (!(await mayReset(flags, dataDir))) return
    emptyDataDir(dataDir)
  }
  const notices = openNotices(flags)
  const shown = relative(process.cwd(), dataDir) || '.'
  const isResumed = isUsed(dataDir)
  const port = await choosePort(flags.port)
  const clock = resumeClock(dataDir, SPEED)
  const log = await ownLog(dataDir)
  const desk = new OpsDesk(log, systemIn(dataDir))
  let isStarted = false
  const supervisor = new Supervisor(childSpecs(dataDir, clock, port), {
    onStatus(status) {
      const text = noticeOf(status, isStarted)
      if (text !== undefined) notices.note(status.name, text)
    },
    onMessage(_, message: FromChild) {
      if (message.kind === 'command') follow(message.command, supervisor, desk)
    },
  })
  process.on('exit', () => supervisor.killAll())
  let url = ''
  let watching: { stop: () => void } | undefined
  const saving = every(SAVE_EVERY_MS, () => saveState(dataDir, clock, url))
  let isEnding = false
  const end = async (code: number): Promise<void> => {
    if (isEnding) process.exit(1)
    isEnding = true
    watching?.stop()
    clearInterval(saving)
    await supervisor.stop(['world'])
    saveState(dataDir, clock, '')
    await desk.close()
    await log.close()
    if (code === 0)
      notices.say(`\nLogiFlow stopped. Orders, invoices and events are kept in ${shown}; npm start goes on from here.`)
    process.exit(code)
  }
  process.on('SIGINT', () => void end(0))
  process.on('SIGTERM', () => void end(0))
  try {
    supervisor.start()
    await supervisor.ready(READY_MAX_MS)
    url = `http://127.0.0.1:${supervisor.statuses().find(({ name }) => name === 'portal')?.port}/`
    const page = await fetch(url)
    if (!page.ok) throw new Error(`the page answered ${page.status}`)
  } catch (error) {
    process.stderr.write(`LogiFlow could not start: ${error instanceof Error ? error.message : error}\n`)
    return end(1)
  }
  isStarted = true
  saveState(dataDir, clock, url)
  watching = watch(supervisor, desk, notices)
  const taken = flags.port === undefined && port !== PORT_DEFAULT ? `  (port ${PORT_DEFAULT} is taken)` : ''
  if (!flags.quiet) greet(notices, `${shown}  ${isResumed ? '(goes on where it was)' : '(new)'}`)
  notices.say(`ready in ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s: ${url}${taken}`)
}

try {
  const flags = parseStartFlags(process.argv.slice(2))
  if (flags.help) process.stdout.write(`${startHelp}\n`)
  else await run(flags)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}
