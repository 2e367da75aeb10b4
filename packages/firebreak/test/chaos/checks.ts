import { named } from '../named.ts'
import type { Run } from './scenario.ts'

interface Effect {
  readonly event_id: string
  readonly type: string
  readonly key: string
  readonly n: number
}

/** What is wrong at the end of a run, in words; empty when nothing was lost, doubled, reordered or miscounted. */
export async function faultsFound(run: Run): Promise<readonly string[]> {
  const found: string[] = run.halted.map((error) => `a service halted: ${String(error)}`)
  const { app } = run
  for (const name of ['source', 'middle', 'sink']) {
    const effects = await named(app, name).database.query<Effect>('select * from effects order by seq')
    const letters = await named(app, name).deadLetters.list({ max: 10_000 })
    const seen = new Set(effects.map((effect) => effect.event_id))
    if (seen.size !== effects.length) found.push(`${name}: ${effects.length - seen.size} effects happened twice`)
    const dead = new Set(letters.map((letter) => letter.eventId))
    const topics =
      name === 'source' ? ['thing.events'] : name === 'middle' ? ['follow.events'] : ['thing.events', 'follow.events']
    for (const { envelope, at, key, payload } of await app.published()) {
      if (!topics.includes(at.topic) || seen.has(envelope.id) || dead.has(envelope.id)) continue
      found.push(
        `${name}: ${envelope.type} ${key}:${(payload as Effect).n} at ${at.topic}/${at.partition}/${at.offset} is lost`,
      )
    }
    found.push(...inversions(effects).map((text) => `${name}: ${text}`))
    const ledger = await named(app, name).ledger()
    found.push(...ledger.problems.map((problem) => `${name}: ledger: ${problem}`))
  }
  return found
}

// Per key and event type, effects must be made in the order in which the events were made.
function inversions(effects: readonly Effect[]): readonly string[] {
  const last = new Map<string, number>()
  const found: string[] = []
  for (const { type, key, n } of effects) {
    const line = `${type} ${key}`
    const before = last.get(line) ?? -1
    if (n < before) found.push(`${line}: ${n} took effect after ${before}`)
    last.set(line, n)
  }
  return found
}
