import { isTest, type Tree, type Violation } from './tree.ts'

interface Ban {
  readonly use: RegExp
  readonly instead: string
}

const chanceAndTime: readonly Ban[] = [
  { use: /^Date\.now\b/, instead: 'clock.now()' },
  { use: /^new Date\($/, instead: 'clock.now() in ms, and toRfc3339 for text' },
  { use: /^(globalThis\.)?setTimeout\($/, instead: 'clock.schedule or sleep(clock, …)' },
  { use: /^(globalThis\.)?setInterval\($/, instead: 'clock.schedule, again at the end of each run' },
  { use: /^Math\.random\b/, instead: 'entropy.random()' },
  { use: /^((node)?[cC]rypto\.)?randomUUID\b/, instead: 'entropy.uuid()' },
]
const inSources: readonly Ban[] = [
  { use: /^(globalThis\.)?process\.env\b/, instead: 'an option, or Io of src/node/process.ts' },
]
const printing: readonly Ban[] = [
  { use: /^console\.\w+$/, instead: 'the observer of the runtime, or Io of src/node/process.ts' },
]
const inTests: readonly Ban[] = [{ use: /^(test|it|describe|suite)\.only\b/, instead: 'node --test-name-pattern' }]

// The floors where the machine is reached: one of the library, one of each app.
const platform = /^(packages\/firebreak\/src\/node|apps\/[^/]+\/platform)\//
// Programs for people and for measuring: they print, and they read the machine's clock.
const programs = /^(scripts|packages\/firebreak\/(bench|torture))\//

/** Tokens that have a replacement. Time and chance come from outside everywhere but on the platform floors. */
export function tokenRules(tree: Tree): readonly Violation[] {
  const found: Violation[] = []
  for (const source of tree.sources.values()) {
    if (platform.test(source.path) || programs.test(source.path)) continue
    const bans = [...chanceAndTime, ...printing, ...(isTest(source.path) ? inTests : inSources)]
    for (const { text, line, firstArgument } of source.uses) {
      const at = `${source.path}:${line}`
      const ban = bans.find(({ use }) => use.test(text))
      if (ban !== undefined) found.push({ rule: 'tokens', at, says: `${text} -> ${ban.instead}` })
      if (isTest(source.path) && text === 'sleep(' && /^(systemClock|)$/.test(firstArgument))
        found.push({ rule: 'tokens', at, says: 'sleep( with real time -> wait for a fact, or use virtual time' })
    }
  }
  return dedupe(found)
}

// `Date.now()` is an access and a call.
function dedupe(violations: readonly Violation[]): readonly Violation[] {
  const seen = new Set<string>()
  return violations.filter(({ at, says }) => {
    const key = `${at} ${says.slice(says.indexOf('->'))}`
    return !seen.has(key) && seen.add(key)
  })
}
