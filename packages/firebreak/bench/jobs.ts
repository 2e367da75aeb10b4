import { join } from 'node:path'
import { type Database, sqliteDatabase } from 'firebreak'
import { databaseUrl } from '../test/real/servers.ts'
import { createEffects, inDatabase, serverSettings } from './common/postgres-databases.ts'
import { inFolder, versionsOf } from './common/settings.ts'
import {
  alternately,
  everyRound,
  type Figures,
  type Goal,
  Rounds,
  type Suite,
  type SuiteOptions,
} from './common/suite.ts'
import { rawAppendPerSec } from './embedded/raw-sqlite.ts'
import { type JobVariant, jobRates, jobsMax } from './jobs/job-drain.ts'
import { type GraphileTuning, graphilePerSec } from './postgres/graphile.ts'

const goals: readonly Goal[] = [
  // 100,000/s where bare SQLite appends 440,000 rows a second.
  { name: 'noopToRaw', text: '>= 0.227', holds: (f) => Number(f['noopToRaw']) >= 0.227 },
  { name: 'postgresNoopToPeer', text: '>= 1.3', holds: (f) => Number(f['postgresNoopToPeer'] ?? 1.3) >= 1.3 },
]

/** What the postgres suite found best on most machines. */
const tuning: GraphileTuning = { concurrentJobs: 24, localQueue: 500, completeJobBatchDelayMs: 50 }

/** Jobs that are claimed, run and ended, beside a bare SQLite loop and graphile-worker in the same run. */
export const jobsSuite: Suite = {
  name: 'jobs',
  goals,
  missing: () => undefined,
  run: async (options) => {
    const { rounds, share, say } = options
    const seen = new Rounds()
    const of = (count: number): number => Math.round(count * share)
    for (let round = 1; round <= rounds; round++) {
      say(`jobs, round ${round} of ${rounds}: embedded`)
      await alternately(round, [
        seen.taking('rawAppendPerSec', () => inFolder(async (folder) => rawAppendPerSec(folder, 1000, of(400_000)))),
        () => onFile(seen, 'noop', of(100_000)),
        () => onFile(seen, 'kept', of(100_000)),
        () => onFile(seen, 'effect', of(50_000)),
      ])
    }
    const url = databaseUrl()
    const onServer = url === undefined ? {} : await besidePeer(url, seen, options)
    const names = ['rawAppendPerSec', 'enqueuedPerSec', 'noopPerSec', 'keptPerSec', 'effectPerSec']
    return {
      figures: { ...Object.fromEntries(names.map((name) => [name, seen.median(name)])), ...onServer },
      ratios: {
        ...seen.ratios('noopToRaw', 'noopPerSec', 'rawAppendPerSec'),
        ...(url === undefined ? {} : seen.ratios('postgresNoopToPeer', 'postgresNoopPerSec', 'peerNoopPerSec')),
        ...(url === undefined ? {} : seen.ratios('postgresEffectToPeer', 'postgresEffectPerSec', 'peerEffectPerSec')),
      },
      rounds: seen.all(),
      settings: {
        ...{ share, jobsMax, ratios: everyRound, durability: 'full', sqlite: process.versions['sqlite'] ?? 'unknown' },
        noop: 'a handler that does nothing, keepMs 0; kept: keepMs 1 h; effect: one row of the user in its unit of work',
        ...(url === undefined
          ? {}
          : { peerTuning: tuning, clients: versionsOf('pg', 'graphile-worker'), postgres: await serverSettings(url) }),
      },
    }
  },
}

async function onFile(seen: Rounds, variant: JobVariant, count: number): Promise<void> {
  await inFolder(async (folder) => {
    const database = sqliteDatabase({ path: join(folder, 'jobs.db') })
    await database.query('CREATE TABLE effect (n BIGINT NOT NULL, id TEXT NOT NULL)')
    await measure(seen, database, { variant, count, prefix: '' })
  })
}

async function measure(
  seen: Rounds,
  database: Database,
  { variant, count, prefix }: { variant: JobVariant; count: number; prefix: string },
): Promise<void> {
  const { enqueuedPerSec, donePerSec } = await jobRates(database, variant, count)
  await database.close()
  if (variant === 'noop') seen.add(nameOf(prefix, 'enqueued'), enqueuedPerSec)
  seen.add(nameOf(prefix, variant), donePerSec)
}

const nameOf = (prefix: string, what: string): string =>
  prefix === '' ? `${what}PerSec` : `${prefix}${what[0]?.toUpperCase()}${what.slice(1)}PerSec`

async function besidePeer(url: string, seen: Rounds, { rounds, share, say }: SuiteOptions): Promise<Figures> {
  const { postgresDatabase } = await import('firebreak/postgres')
  const count = Math.round(50_000 * share)
  const ours = (variant: JobVariant) => (): Promise<void> =>
    inDatabase(url, async (own) => {
      await createEffects(own)
      await measure(seen, postgresDatabase({ url: own }), { variant, count, prefix: 'postgres' })
    })
  const peer = (name: string, writes: boolean): (() => Promise<void>) =>
    seen.taking(name, () => inDatabase(url, (own) => graphilePerSec(own, count, tuning, writes)))
  for (let round = 1; round <= rounds; round++) {
    say(`jobs, round ${round} of ${rounds}: PostgreSQL and graphile-worker`)
    await alternately(round, [ours('noop'), peer('peerNoopPerSec', false)])
    await alternately(round, [ours('effect'), peer('peerEffectPerSec', true)])
  }
  const names = [
    'postgresEnqueuedPerSec',
    'postgresNoopPerSec',
    'peerNoopPerSec',
    'postgresEffectPerSec',
    'peerEffectPerSec',
  ]
  return Object.fromEntries(names.map((name) => [name, seen.median(name)]))
}
