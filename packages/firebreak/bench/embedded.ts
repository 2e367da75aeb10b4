import { ratesWithBacklog } from './embedded-backlog.ts'
import { consumePerSec, effectOncePerSec, handler5msPerSec } from './embedded-consume.ts'
import { latencyAt } from './embedded-latency.ts'
import { publishPerSec } from './embedded-publish.ts'
import { rawAppendPerSec } from './raw-sqlite.ts'
import { inFolder, median } from './settings.ts'

export interface EmbeddedFigures {
  readonly rawPublishPipedPerSec: number
  readonly publishPipedPerSec: number
  readonly rawPublishAwaitedPerSec: number
  readonly publishAwaitedPerSec: number
  readonly consumePerSec: number
  readonly effectOncePerSec: number
  readonly latencyP50Ms: number
  readonly latencyP99Ms: number
  readonly handler5msPerSec: number
  readonly consumerRssMb: number
  readonly backlogRatio10M: number
}

export interface BenchOptions {
  /** Rounds of the short measurements; the median counts. */
  readonly rounds: number
  /** Records in the large backlog. */
  readonly backlog: number
  readonly say: (line: string) => void
}

/** The embedded engine beside a bare SQLite loop, interleaved, so that both meet the same machine. */
export async function embeddedSuite({ rounds, backlog, say }: BenchOptions): Promise<EmbeddedFigures> {
  const seen = { rawPiped: [] as number[], piped: [] as number[], rawAwaited: [] as number[], awaited: [] as number[] }
  const rates = { consume: [] as number[], effect: [] as number[], waiting: [] as number[] }
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}: publish, consume`)
    seen.rawPiped.push(await inFolder(async (folder) => rawAppendPerSec(folder, 1000, 400_000)))
    seen.piped.push(await inFolder((folder) => publishPerSec(folder, 2000, 400_000)))
    seen.rawAwaited.push(await inFolder(async (folder) => rawAppendPerSec(folder, 1, 5000)))
    seen.awaited.push(await inFolder((folder) => publishPerSec(folder, 1, 5000)))
    rates.consume.push(await inFolder((folder) => consumePerSec(folder, 300_000)))
    rates.effect.push(await inFolder((folder) => effectOncePerSec(folder, 100_000)))
    rates.waiting.push(await inFolder((folder) => handler5msPerSec(folder, 100_000)))
  }
  say('latency at 500/s between two processes')
  const latency = await inFolder((folder) => latencyAt(folder, 500, 10_000))
  const ratio = await backlogRatio(backlog, say)
  return {
    rawPublishPipedPerSec: median(seen.rawPiped),
    publishPipedPerSec: median(seen.piped),
    rawPublishAwaitedPerSec: median(seen.rawAwaited),
    publishAwaitedPerSec: median(seen.awaited),
    consumePerSec: median(rates.consume),
    effectOncePerSec: median(rates.effect),
    latencyP50Ms: round2(latency.p50Ms),
    latencyP99Ms: round2(latency.p99Ms),
    handler5msPerSec: median(rates.waiting),
    consumerRssMb: latency.consumerRssMb,
    backlogRatio10M: round2(ratio),
  }
}

// The lower of the two ratios: neither reading nor writing may suffer from what lies in the log.
async function backlogRatio(backlog: number, say: (line: string) => void): Promise<number> {
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

const round2 = (value: number): number => Math.round(value * 100) / 100
