import { settingsFromEnvironment } from './engine-settings.ts'
import { type Engines, loadEngines } from './engines.ts'
import { after } from './machine.ts'
import type { FromChild, OpsSnapshot, ToChild } from './messages.ts'
import type { SimClock } from './sim-clock.ts'
import { complain } from './terminal.ts'

const STOP_MAX_MS = 5_000

export type ChildConfig = {
  /** What the supervisor calls this process: the service, and a number where there are several of it. */
  readonly name: string
  readonly engines: Engines
  /** 0 takes a free port. */
  readonly port: number
  readonly clock: SimClock
}
export type Running = {
  readonly port?: number
  readonly stop: () => Promise<void>
  /** Rejects when the process must not go on. */
  readonly done?: Promise<void>
  readonly onOps?: (ops: OpsSnapshot) => void
  /** Of the world: so many customers order at once. */
  readonly onBurst?: (orders: number) => void
}

export const tellSupervisor = (message: FromChild): void => void process.send?.(message)

/** What a child finds in its environment; the supervisor puts it there. */
const childConfig = async (env: NodeJS.ProcessEnv = process.env): Promise<ChildConfig> => ({
  name: env['LOGIFLOW_NAME'] ?? '',
  engines: await loadEngines(settingsFromEnvironment()),
  port: Number(env['LOGIFLOW_PORT'] ?? 0),
  clock: {
    simStartMs: Number(env['LOGIFLOW_SIM_START_MS'] ?? Date.now()),
    wallStartMs: Number(env['LOGIFLOW_WALL_START_MS'] ?? Date.now()),
    speed: Number(env['LOGIFLOW_SPEED'] ?? 1),
  },
})

/**
 * Runs one process: starts it, says that it is up, and ends it on SIGTERM, when told to, or when its supervisor is gone.
 * Ctrl-C reaches the whole process group; only the supervisor acts on it.
 */
export const runChild = async (start: (config: ChildConfig) => Promise<Running>): Promise<void> => {
  process.on('SIGINT', () => {})
  // Until it runs there is nothing to end in order.
  const giveUp = (): never => process.exit(0)
  process.on('disconnect', giveUp)
  const running = await start(await childConfig())
  process.off('disconnect', giveUp)
  let isEnding = false
  const end = (code: number): void => {
    if (isEnding) return
    isEnding = true
    // Whatever hangs: nobody is left who would kill this process.
    after(STOP_MAX_MS, () => process.exit(1)).unref()
    running
      .stop()
      .catch((error: unknown) => complain(String(error)))
      .then(() => process.exit(code))
  }
  process.on('SIGTERM', () => end(0))
  process.on('disconnect', () => end(0))
  process.on('message', (message: ToChild) => {
    if (message.kind === 'stop') end(0)
    else if (message.kind === 'ops') running.onOps?.(message.ops)
    else running.onBurst?.(message.orders)
  })
  running.done?.catch((error: unknown) => {
    complain(String(error))
    end(1)
  })
  if (process.connected === false) end(0)
  tellSupervisor({ kind: 'up', port: running.port ?? null })
}
