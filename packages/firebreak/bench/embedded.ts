import { execFileSync } from 'node:child_process'
import { handlersMax, inFolder, round2 } from './common/settings.ts'
import { alternately, everyRound, type Goal, Rounds, type Suite, type SuiteOptions } from './common/suite.ts'
import { ratesWithBacklog } from './embedded/embedded-backlog.ts'
import { consumePerSec, effectOncePerSec, handler5msPerSec } from './embedded/embedded-consume.ts'
import { latencyAt } from './embedded/embedded-latency.ts'
import { publishPerSec } from './embedded/embedded-publish.ts'
import { rawAppendPerSec } from './embedded/raw-sqlite.ts'

const atLeast = (name: string, least: number): Goal => ({
  name,
  text: `>= ${least}`,
  holds: (figures) => Number(figures[name]) >= least,
})
const atMost = (name: string, most: number): Goal => ({
  name,
  text: `<= ${most}`,
  holds: (figures) => Number(figures[name]) <= most,
})

const goals: readonly Goal[] = [
  atLeast('publishPipedToRaw', 0.6),
  atLeast('publishAwaitedToRaw', 0.85),
  atLeast('consumeToRawPiped', 0.34),
  atLeast('effectOnceToRawPiped', 0.114),
  atLeast('handler5msPerSec', 18_000),
  atMost('latencyP50Ms', 0.5),
  atMost('consumerRssMb', 80),
  atLeast('backlogRatio10M', 0.8),
]

/** The embedded engine beside a bare SQLite loop, interleaved, so that both meet the same machine. */
export const embeddedSuite: Suite = {
  name: 'embedded',
  goals,
  missing: () => undefined,
  run: async ({ rounds, backlog, share, say }) => {
    say('building what the consumer process runs')
    execFileSync('npm', ['run', 'build'], { stdio: ['ignore', 'ignore', 'inherit'] })
    const seen = new Rounds()
    const of = (count: number): number => Math.round(count * share)
    for (let round = 1; round <= rounds; round++) {
      say(`embedded, round ${round} of ${rounds}: publish, consume`)
      const taking = (name: string, run: (folder: string) => Promise<number> | number): (() => Promise<void>) =>
        seen.taking(name, () => inFolder(async (folder) => run(folder)))
      await alternately(round, [
        taking('rawPublishPipedPerSec', (folder) => rawAppendPerSec(folder, 1000, of(400_000))),
        taking('publishPipedPerSec', (folder) => publishPerSec(folder, 2000, of(400_000))),
        taking('consumePerSec', (folder) => consumePerSec(folder, of(300_000))),
        taking('effectOncePerSec', (folder) => effectOncePerSec(folder, of(100_000))),
      ])
      await alternately(round, [
        taking('rawPublishAwaitedPerSec', (folder) => rawAppendPerSec(folder, 1, of(5000))),
        taking('publishAwaitedPerSec', (folder) => publishPerSec(folder, 1, of(5000))),
      ])
      await taking('handler5msPerSec', (folder) => handler5msPerSec(folder, of(100_000)))()
    }
    say('latency at 500/s between two processes')
    const latency = await inFolder((folder) => latencyAt(folder, 500, 10_000))
    const figures = {
      rawPublishPipedPerSec: seen.median('rawPublishPipedPerSec'),
      publishPipedPerSec: seen.median('publishPipedPerSec'),
      rawPublishAwaitedPerSec: seen.median('rawPublishAwaitedPerSec'),
      publishAwaitedPerSec: seen.median('publishAwaitedPerSec'),
      consumePerSec: seen.median('consumePerSec'),
      effectOncePerSec: seen.median('effectOncePerSec'),
      latencyP50Ms: round2(latency.p50Ms),
      latencyP99Ms: round2(latency.p99Ms),
      handler5msPerSec: seen.median('handler5msPerSec'),
      consumerRssMb: latency.consumerRssMb,
      backlogRatio10M: round2(await backlogRatio(backlog, say)),
    }
    return {
      figures,
      ratios: {
        ...seen.ratios('publishPipedToRaw', 'publishPipedPerSec', 'rawPublishPipedPerSec'),
        ...seen.ratios('publishAwaitedToRaw', 'publishAwaitedPerSec', 'rawPublishAwaitedPerSec'),
        ...seen.ratios('consumeToRawPiped', 'consumePerSec', 'rawPublishPipedPerSec'),
        ...seen.ratios('effectOnceToRawPiped', 'effectOncePerSec', 'rawPublishPipedPerSec'),
      },
      rounds: seen.all(),
      settings: {
        sqlite: process.versions['sqlite'] ?? 'unknown',
        ...{ durability: 'full', handlersMax, backlog, share, ratios: everyRound },
      },
    }
  },
}

// The lower of the two ratios: neither reading nor writing may suffer from what lies in the log.
async function backlogRatio(backlog: number, say: SuiteOptions['say']): Promise<number> {
  say('10 thousand records in the log')
  const small = await inFolder((folder) => ratesWithBacklog(folder, 10_000, () => {}))
  say(`${backlog} records in the log`)
  const large = await inFolder((folder) =>
    ratesWithBacklog(folder, backlog, (done) => {
      if (done % 1_000_000 === 0) say(`  ${done / 1e6} of ${backlog / 1e6} million written`)
    }),
  )
  say(
    `consume ${small.consumePerSec} -> ${large.consumePerSec}, publish ${small.publishPerSec} -> ${large.publishPerSec}`,
  )
  return Math.min(large.consumePerSec / small.consumePerSec, large.publishPerSec / small.publishPerSec)
}
