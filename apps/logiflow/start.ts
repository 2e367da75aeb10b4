import { relative } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { isFirebreakError } from 'firebreak'
import {
  emptyDataDir,
  hasRun,
  holderOf,
  isUsed,
  madeHere,
  notesIn,
  resumeClock,
  saveState,
} from './platform/data-dir.ts'
import { type DataLock, lockData } from './platform/data-lock.ts'
import { type EngineSettings, engineName, environmentOf } from './platform/engine-settings.ts'
import { type Engines, loadEngines } from './platform/engines.ts'
import { PORT_DEFAULT, parseStartFlags, type StartFlags, startHelp, UsageError } from './platform/flags.ts'
import { every } from './platform/machine.ts'
import type { Command, FromChild } from './platform/messages.ts'
import { type Notices, noticeOf, openNotices } from './platform/notices.ts'
import { whenNpmIsGone } from './platform/npm-parent.ts'
import { OpsDesk } from './platform/ops-desk.ts'
import { OpsWatch } from './platform/ops-watch.ts'
import { choosePort } from './platform/port.ts'
import { discardSpace, makeSpace } from './platform/server-space.ts'
import { settleEngines } from './platform/settle-engines.ts'
import type { SimClock } from './platform/sim-clock.ts'
import { type ChildSpec, Supervisor } from './platform/supervisor.ts'
import { complain, say } from './platform/terminal.ts'
import { serviceNames, systemOn, topicsOfSystem } from './system.ts'

/** One minute on the road passes in a second. */
const SPEED = 60
/** Nine processes on a busy machine: what is slow comes up, and what is broken says so at once. */
const READY_MAX_MS = 120_000
const SAVE_EVERY_MS = 5_000
/** Where the database can be shared. Portal and tracking serve HTTP to one address each, and stay single. */
const INSTANCES = 3

/** Starts over, if that is what the person wants: everything in the folder, and what it has created on servers. */
const reset = async (flags: StartFlags, settings: EngineSettings): Promise<boolean> => {
  const { dataDir } = settings
  if (!isUsed(dataDir)) return true
  const made = madeHere(dataDir)
  if (!flags.yes) {
    if (!process.stdin.isTTY) throw new UsageError('--reset deletes data: add --yes where nobody can be asked')
    const ask = createInterface({ input: process.stdin, output: process.stdout })
    const [databases, topics] = [made.databases.join(', '), made.topics.join(', ')]
    const more = `${databases && `, the databases ${databases}`}${topics && `, the topics ${topics}`}`
    const answer = await ask.question(`Delete everything in ${dataDir}${more}? [y/N] `)
    ask.close()
    if (!/^y(es)?$/i.test(answer.trim())) return false
  }
  await discardSpace(settings, made)
  emptyDataDir(dataDir)
  return true
}

const childSpecs = (engines: Engines, clock: SimClock, port: number): readonly ChildSpec[] => {
  const env = {
    ...environmentOf(engines.settings),
    LOGIFLOW_SIM_START_MS: String(clock.simStartMs),
    LOGIFLOW_WALL_START_MS: String(clock.wallStartMs),
    LOGIFLOW_SPEED: String(clock.speed),
  }
  const single = (name: string, path: string): ChildSpec => ({ name, entry: new URL(path, import.meta.url), env })
  const several = (name: string, path: string): readonly ChildSpec[] => {
    const spec = single(name, path)
    if (!engines.isShared) return [spec]
    return Array.from({ length: INSTANCES }, (_, index) => ({ ...spec, name: `${name}-${index + 1}`, service: name }))
  }
  return [
    { ...single('portal', 'services/portal/main.ts'), port },
    ...several('routing', 'services/routing/main.ts'),
    single('tracking', 'services/tracking/main.ts'),
    ...several('invoicing', 'services/invoicing/main.ts'),
    single('world', 'world/main.ts'),
  ]
}

const follow = (command: Command, supervisor: Supervisor, desk: OpsDesk): void => {
  if (command.do === 'crash') supervisor.crash(command.service)
  else if (command.do === 'stop') supervisor.hold(command.service)
  else if (command.do === 'start') supervisor.release(command.service)
  else if (command.do === 'burst') supervisor.tell({ kind: 'burst', orders: command.orders }, 'world')
  else desk.replay(command.service, command.id).catch(() => {}) // Somebody else decided first: the next look shows it.
}

const greet = (notices: Notices, engines: Engines, data: string): void => {
  const instances = engines.isShared ? `, routing and invoicing in ${INSTANCES} instances` : ''
  notices.say(
    'LogiFlow: routing, invoicing, tracking and portal, each a process of its own, and a world with 40 trucks',
  )
  notices.say(`  Data   ${data}`)
  notices.say(`  Runs   on ${engineName(engines.settings)}${instances}`)
  notices.say(`  Clock  ${SPEED} times real time; Ctrl-C stops, npm start -- --help shows more`)
  notices.say('  Try    Stop invoicing on the page, and watch everything else go on')
}

type Start = {
  readonly flags: StartFlags
  readonly engines: Engines
  readonly notices: Notices
  readonly startedAtMs: number
  /** Whether LogiFlow has run in the folder before this start. */
  readonly isResumed: boolean
  /** Of the data folder; held until the process ends. */
  readonly lock: DataLock
}

/** Until there are processes to stop. A reader that has left needs no words: it has seen what it wanted. */
const endUnwritten = (error: NodeJS.ErrnoException): void => {
  if (error.code === 'EPIPE') process.exit(0)
  complain(`LogiFlow: the output cannot be written: ${error.message}`)
  process.exit(1)
}

const endWhenAsked = (end: (code: number) => Promise<void>): void => {
  process.on('SIGINT', () => void end(0))
  process.on('SIGTERM', () => void end(0))
  whenNpmIsGone(() => void end(0))
  process.stdout.off('error', endUnwritten)
  process.stdout.on('error', (error) => {
    complain(`LogiFlow stops: its output cannot be written: ${error.message}`)
    void end(1)
  })
}

/** Starts all processes. Resolves to the address of the page, once it answers. */
const startAll = async (supervisor: Supervisor): Promise<string> => {
  supervisor.start()
  await supervisor.ready(READY_MAX_MS)
  const url = `http://127.0.0.1:${supervisor.statuses().find(({ name }) => name === 'portal')?.port}/`
  const page = await fetch(url)
  if (!page.ok) throw new Error(`the page answered ${page.status}`)
  return url
}

/** From the first process to Ctrl-C. */
const runProcesses = async ({ flags, engines, notices, startedAtMs, isResumed, lock }: Start): Promise<void> => {
  const { dataDir } = engines.settings
  const shown = relative(process.cwd(), dataDir) || '.'
  const keptWhere =
    engines.settings.log === 'kafka' || engines.isShared ? `on the servers and in ${shown}` : `in ${shown}`
  const port = await choosePort(flags.port)
  const clock = resumeClock(dataDir, SPEED)
  // The embedded log belongs to the process that lives longest.
  const log = engines.openLog()
  await log.ensureTopics(topicsOfSystem())
  const desk = new OpsDesk(log, systemOn(engines))
  let isStarted = false
  let isEnding = false
  const supervisor = new Supervisor(childSpecs(engines, clock, port), {
    onStatus(status) {
      // While all of it starts or ends, a change is no news.
      const text = noticeOf(status, isStarted && !isEnding)
      if (text !== undefined) notices.note(status.name, text)
    },
    onMessage(_, message: FromChild) {
      if (message.kind === 'command') follow(message.command, supervisor, desk)
    },
  })
  process.on('exit', () => supervisor.killAll())
  let url = ''
  let watching: OpsWatch | undefined
  const saving = every(SAVE_EVERY_MS, () => saveState(dataDir, clock, url))
  const end = async (code: number): Promise<void> => {
    if (isEnding) process.exit(1)
    isEnding = true
    watching?.stop()
    clearInterval(saving)
    await supervisor.stop(['world'])
    saveState(dataDir, clock, '')
    await desk.close()
    await log.close()
    lock.release()
    if (code === 0)
      notices.say(`\nLogiFlow stopped. Orders, invoices and events are kept ${keptWhere}; npm start goes on from here.`)
    process.exit(code)
  }
  endWhenAsked(end)
  try {
    saveState(dataDir, clock, '')
    url = await startAll(supervisor)
  } catch (error) {
    complain(`LogiFlow could not start: ${error instanceof Error ? error.message : error}`)
    return end(1)
  }
  isStarted = true
  saveState(dataDir, clock, url)
  watching = new OpsWatch(supervisor, desk, notices)
  const taken = flags.port === undefined && port !== PORT_DEFAULT ? `  (port ${PORT_DEFAULT} is taken)` : ''
  if (!flags.quiet) greet(notices, engines, `${shown}  ${isResumed ? '(goes on where it was)' : '(new)'}`)
  notices.say(`ready in ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s: ${url}${taken}`)
}

const takenBy = (data: string, { pid, url }: ReturnType<typeof holderOf>): string =>
  url === ''
    ? `LogiFlow starts or stops on ${data} at this moment. Wait for it, or give another --data.`
    : `LogiFlow runs on ${data} already: ${url} (pid ${pid})`

const lockIn = (dataDir: string): DataLock | undefined => {
  try {
    return lockData(dataDir)
  } catch (error) {
    throw new UsageError(`nothing can be kept in ${dataDir}: ${error instanceof Error ? error.message : error}`)
  }
}

const run = async (flags: StartFlags): Promise<void> => {
  const startedAtMs = performance.now()
  let settings = await settleEngines(flags)
  const { dataDir } = settings
  const lock = lockIn(dataDir)
  if (lock === undefined) throw new UsageError(takenBy(flags.data, holderOf(dataDir)))
  if (flags.reset) {
    if (!(await reset(flags, settings))) return
    settings = await settleEngines(flags)
  }
  const isResumed = hasRun(dataDir)
  const { log, database, namespace } = settings
  const note = notesIn(dataDir, { log, database, namespace })
  note(await makeSpace(settings, { services: serviceNames, topics: topicsOfSystem() }, note))
  const engines = await loadEngines(settings)
  await runProcesses({ flags, engines, notices: openNotices(flags), startedAtMs, isResumed, lock })
}

process.stdout.on('error', endUnwritten)
// A message that cannot be written changes no exit code.
process.stderr.on('error', () => {})
try {
  const flags = parseStartFlags(process.argv.slice(2))
  if (flags.help) say(startHelp)
  else await run(flags)
} catch (error) {
  if (!(error instanceof UsageError || isFirebreakError(error))) throw error
  complain(error.message)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
