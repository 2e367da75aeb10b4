import type { Clock } from '../../contracts/clock.ts'
import type { Entropy } from '../../contracts/entropy.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { shown } from '../../contracts/option.ts'
import type { AnyCall } from '../../define/call.ts'
import { callDisagreements } from '../../define/call-agreement.ts'
import type { HedgeSpec } from '../../policy/definition/policy-spec.ts'
import { Dependency } from '../../policy/dependency.ts'
import { Executor } from '../../policy/executor.ts'

/** What is sent with every request to a dependency: credentials, for example. */
export type EndpointHeaders = Readonly<Record<string, string>>

export interface Endpoint {
  /** Scheme, host and port; a path in front of all paths, if any. */
  readonly url: string
  readonly headers?: EndpointHeaders | (() => EndpointHeaders | Promise<EndpointHeaders>)
}

/** How a dependency does at this moment, for pages. */
export interface DependencyState {
  readonly name: string
  readonly breaker: 'closed' | 'open' | 'half-open' | 'none'
  /** How long its breaker lets nothing through; 0 when it does. */
  readonly openForMs: number
  /** Retries that its budget would pay for now; null: there is none. */
  readonly retriesLeft: number | null
  /** Attempts under way, and calls that wait for a place. */
  readonly busy: number
  readonly queued: number
}

// Whichever call comes first: one that hedges later needs to know how long those before it took.
const alwaysMeasured: HedgeSpec = { after: 'p95', max: 1 }

/**
 * What one process knows of the services that it calls. One `Dependency` for each, for all callers: its failures and its
 * load are counted together.
 */
export class Dependencies {
  readonly #endpoints: ReadonlyMap<string, Endpoint>
  readonly #clock: Clock
  readonly #entropy: Entropy
  readonly #known = new Map<string, Dependency>()
  /** Every call seen so far, by name. */
  readonly #calls = new Map<string, AnyCall>()
  readonly #executors = new WeakMap<AnyCall, Executor>()

  constructor(endpoints: Readonly<Record<string, string | Endpoint>>, deps: { clock: Clock; entropy: Entropy }) {
    this.#clock = deps.clock
    this.#entropy = deps.entropy
    const isObject = typeof endpoints === 'object' && endpoints !== null
    const problems = isObject
      ? Object.entries(endpoints).flatMap(([name, one]) => endpointProblems(name, one))
      : [`endpoints must be an object of addresses, not ${shown(endpoints)}`]
    if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
    this.#endpoints = new Map(Object.entries(endpoints).map(([name, one]) => [name, endpointOf(one)]))
  }

  /** Why these calls cannot be made, in words; empty when they can. */
  problems(calls: Iterable<AnyCall>): readonly string[] {
    const all = [...calls]
    const missing = all
      .filter(({ to }) => !this.#endpoints.has(to))
      .map(({ to, name }) => `there is no endpoint for ${to}, which ${name} calls: add it to createCaller`)
    return [...missing, ...callDisagreements([...this.#calls.values(), ...all])]
  }

  /** **Errors** `FB_CONFIG`: an unknown dependency, or calls of one dependency that contradict each other. */
  executor(call: AnyCall): Executor {
    const found = this.#executors.get(call)
    if (found !== undefined) return found
    const problems = this.problems([call])
    if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
    const { to: name, policy } = call
    const dependency = this.#known.get(name) ?? new Dependency(name, { ...policy, hedge: alwaysMeasured }, this.nowMs)
    this.#known.set(name, dependency)
    this.#calls.set(call.name, call)
    const made = new Executor(policy, { name, clock: this.#clock, random: this.#entropy.random, dependency })
    this.#executors.set(call, made)
    return made
  }

  /** Only of a dependency that has one: `executor` has been asked before. */
  endpoint(to: string): Endpoint {
    return this.#endpoints.get(to) as Endpoint
  }

  /** The clock's monotonic scale: that of all breakers and budgets. */
  get nowMs(): number {
    return this.#clock.monotonic()
  }

  /** Those that have been called, by name. */
  states(): readonly DependencyState[] {
    const now = this.nowMs
    return [...this.#known.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((one) => ({
        name: one.name,
        breaker: one.breaker(undefined, now)?.state(now) ?? 'none',
        openForMs: Math.ceil(Math.max(0, (one.openUntilMs(now) ?? now) - now)),
        retriesLeft: one.budget?.level(now) ?? null,
        busy: one.bulkhead?.busy ?? 0,
        queued: one.bulkhead?.queued ?? 0,
      }))
  }
}

const endpointOf = (one: string | Endpoint): Endpoint => {
  const { url, ...rest } = typeof one === 'string' ? { url: one } : one
  return { ...rest, url: url.replace(/\/+$/, '') }
}

// Never with the address: it may hold a password.
function endpointProblems(name: string, one: string | Endpoint): readonly string[] {
  const { url: text, headers } = typeof one === 'string' ? { url: one } : (one ?? { url: '' })
  const problems: string[] = []
  const url = typeof text === 'string' ? URL.parse(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) return [`endpoint ${name} is no http or https address`]
  if (url.username !== '' || url.password !== '')
    problems.push(`endpoint ${name} has a user or a password in its address: send them in headers`)
  if (url.search !== '' || url.hash !== '') problems.push(`endpoint ${name} has a query or a fragment`)
  if (typeof headers === 'object' && !areSound(headers))
    problems.push(`endpoint ${name} has headers that cannot be sent`)
  return problems
}

function areSound(headers: EndpointHeaders): boolean {
  try {
    new Headers(headers)
    return true
  } catch {
    return false
  }
}
