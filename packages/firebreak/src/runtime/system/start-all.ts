import type { Database } from '../../contracts/database.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyEvent } from '../../contracts/event.ts'
import type { Observer } from '../../contracts/journal.ts'
import type { Log } from '../../contracts/log.ts'
import { listProblems, type OptionTable, optionProblems, other, type Problems, shown } from '../../contracts/option.ts'
import { fieldOf, textOf } from '../../contracts/text/text-of.ts'
import type { ServiceDefinition } from '../../define/service.ts'
import type { Caller } from '../calls/caller.ts'
import type { Health } from '../instance/health.ts'
import type { Limits } from '../instance/limits.ts'
import { noDatabase } from '../instance/no-database.ts'
import { createRuntime, type Runtime } from '../runtime.ts'
import { type Config, type ConfiguredService, configProblems } from './config.ts'

export interface StartAllOptions {
  /** Those of the config that this process runs; default all. */
  readonly services?: readonly ServiceDefinition[]
  /** Runs once per service before it starts: its own tables. */
  readonly prepare?: (database: Database, serviceName: string) => Promise<unknown>
  /** As in `createRuntime`, for each of them. */
  readonly observe?: Observer | false
  readonly caller?: Caller
  readonly limits?: Partial<Limits>
}

const startAllOptions: OptionTable<StartAllOptions> = {
  services: other,
  prepare: other,
  observe: other,
  caller: other,
  limits: other,
}

/** One of the services that run. */
export interface RunningService<P extends AnyEvent = AnyEvent> {
  readonly runtime: Runtime<P>
  /** Its own. Where it has none, every statement is `FB_CONFIG`. */
  readonly database: Database
}

/** Services of one process, with the log and the databases that they were started with. */
export interface RunningServices extends AsyncDisposable {
  readonly log: Log
  /** **Errors** `FB_CONFIG` for a service that this process does not run. */
  service<P extends AnyEvent>(definition: ServiceDefinition<P>): RunningService<P>
  /** Of all of them together, for liveness and readiness routes: each reason begins with the name of its service. */
  health(): Health
  /** Resolves when all have stopped, rejects when one had to halt. */
  readonly done: Promise<void>
  /** Stops the services, then closes the databases and the log. Idempotent; `await using` does it at the end of a block. */
  stop(options?: { readonly drainMs?: number }): Promise<void>
}

/**
 * Opens the log and the databases of a config, and starts its services in this process.
 *
 * **Errors** `FB_CONFIG`, those of `Runtime.start`; then all that was opened is closed.
 *
 * @example
 * ```ts
 * import { defineConfig, event, service, sqliteLog, startAll } from 'firebreak'
 * import { z } from 'zod'
 *
 * const schema = z.object({ orderId: z.string() })
 * const OrderPlaced = event({ type: 'order.placed', topic: 'orders', key: 'orderId', schema })
 * const shop = service({ name: 'shop', publishes: [OrderPlaced] })
 * const config = defineConfig({ log: () => sqliteLog({ path: 'data' }), services: [{ service: shop }] })
 *
 * await using app = await startAll(config)
 * await app.service(shop).runtime.publish(OrderPlaced, { orderId: '4711' })
 * ```
 */
export async function startAll(config: Config, options: StartAllOptions = {}): Promise<RunningServices> {
  const problems = [...configProblems(config), ...startProblems(options)]
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const { services = config.services.map(({ service }) => service), prepare } = options
  const chosen = services.map((one) => configured(config, one))
  await using opened = new AsyncDisposableStack()
  const log = opened.use(config.log())
  const running = new Map<ServiceDefinition, RunningService>()
  for (const entry of chosen) {
    const database = entry.database === undefined ? undefined : opened.use(entry.database())
    if (database !== undefined) await prepare?.(database, entry.service.name)
    const runtime = opened.use(runtimeOf(entry, { log, database }, options))
    await runtime.start()
    running.set(entry.service, { runtime, database: database ?? noDatabase })
  }
  return new System(log, running, opened.move())
}

function startProblems(options: StartAllOptions): Problems {
  const found = [...optionProblems(startAllOptions, options, 'startAll: ')]
  const [services, prepare] = [fieldOf(options, 'services'), fieldOf(options, 'prepare')]
  found.push(...listProblems('startAll: services', services, 'service'))
  if (Array.isArray(services)) {
    if (services.length === 0)
      found.push('startAll: services must list one service or more; without it all are started')
    if (new Set(services).size < services.length) found.push('startAll: services lists a service twice')
  }
  if (prepare !== undefined && typeof prepare !== 'function')
    found.push(`startAll: prepare must be a function, not ${shown(prepare)}`)
  return found
}

function configured(config: Config, definition: ServiceDefinition): ConfiguredService {
  const entry = config.services.find(({ service }) => service === definition)
  if (entry === undefined) throw unknown(definition, 'the config')
  return entry
}

const unknown = (definition: unknown, where: string): FirebreakError => {
  const problems = `service ${textOf(fieldOf(definition, 'name'), 100)} is none of those of ${where}`
  return new FirebreakError('FB_CONFIG', { problems })
}

function runtimeOf(
  { service, mirrorDeadLetters }: ConfiguredService,
  { log, database }: { readonly log: Log; readonly database: Database | undefined },
  { observe, caller, limits }: StartAllOptions,
): Runtime {
  return createRuntime({
    service,
    log,
    ...(database === undefined ? {} : { database }),
    ...(mirrorDeadLetters === undefined ? {} : { mirrorDeadLetters }),
    ...(observe === undefined ? {} : { observe }),
    ...(caller === undefined ? {} : { caller }),
    ...(limits === undefined ? {} : { limits }),
  })
}

class System implements RunningServices {
  readonly log: Log
  readonly done: Promise<void>
  readonly #running: ReadonlyMap<ServiceDefinition, RunningService>
  readonly #opened: AsyncDisposableStack
  #stopping: Promise<void> | undefined

  constructor(log: Log, running: ReadonlyMap<ServiceDefinition, RunningService>, opened: AsyncDisposableStack) {
    this.log = log
    this.#running = running
    this.#opened = opened
    this.done = Promise.all(this.#runtimes.map(({ done }) => done)).then(() => undefined)
  }

  service<P extends AnyEvent>(definition: ServiceDefinition<P>): RunningService<P> {
    const found = this.#running.get(definition)
    if (found === undefined) throw unknown(definition, 'this process')
    return found
  }

  health(): Health {
    const all = [...this.#running].map(([{ name }, { runtime }]) => ({ name, ...runtime.health() }))
    return {
      live: all.every(({ live }) => live),
      ready: all.every(({ ready }) => ready),
      reasons: all.flatMap(({ name, reasons }) => reasons.map((reason) => `${name}: ${reason}`)),
    }
  }

  stop(options?: { readonly drainMs?: number }): Promise<void> {
    this.#stopping ??= this.#stop(options)
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** At the same time: each of them may wait for what it runs. */
  async #stop(options: { readonly drainMs?: number } | undefined): Promise<void> {
    await using opened = this.#opened
    await Promise.all(this.#runtimes.map((runtime) => runtime.stop(options)))
    void opened
  }

  get #runtimes(): readonly Runtime[] {
    return [...this.#running.values()].map(({ runtime }) => runtime)
  }
}
