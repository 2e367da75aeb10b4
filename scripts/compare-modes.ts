/**
 * Holds the lab's real mode against its simulation: the showdown of seed 004, scaled to two cores, about 20 s per arm.
 *
 *     node scripts/compare-modes.ts 8              means over eight seeds
 *     node scripts/compare-modes.ts 1 event        one seed, one arm
 *
 * The two agree when they rank the arms alike, succeed within 5 points, and have their p50 within 20 %. One seed is not enough
 * for rpc-full: whether the breakers of three of its instances open or of all four is chance, and makes 7 points.
 */
import { runReal } from '../packages/lab/src/live/live.ts'
import type { LabResult } from '../packages/lab/src/model/result.ts'
import { runScenario } from '../packages/lab/src/run/run.ts'
import { showdown } from '../packages/lab/test/process/real-scene.ts'

const [count = '1', ...arms] = process.argv.slice(2)
const chosen = arms.length === 0 ? {} : { arms }
const seeds = Array.from({ length: Number(count) }, (_, index) => 42 + index)
const results: { readonly sim: LabResult; readonly real: LabResult }[] = []
for (const seed of seeds) {
  const scenario = showdown([7000, 11_000], { seed, durationMs: 20_000, drainMaxMs: 60_000 })
  const sim = await runScenario(scenario, chosen)
  const real = await runReal(scenario, {
    ...chosen,
    onProgress: (done, total, arm) => showProgress(`seed ${seed}: ${done}/${total} s, ${arm}`),
  })
  results.push({ sim, real })
}
showProgress('')

const names = Object.keys(results[0]?.sim.arms ?? {})
const rows = names.map((name) => ({ arm: name, ...successes(name), ...medians(name), ...checksOf(name) }))
console.table(rows)
const ranked = (mode: 'sim' | 'real'): string =>
  names.toSorted((a, b) => mean(mode, b, successOf) - mean(mode, a, successOf)).join(' > ')
const agree = [
  ranked('sim') === ranked('real'),
  rows.every(({ 'success: points apart': apart }) => Math.abs(apart) <= 5),
  rows.every(({ 'p50: % apart': apart }) => Math.abs(apart) <= 20),
]
console.log(`order: ${ranked('real')}${agree[0] ? '' : `, simulated ${ranked('sim')}`}`)
console.log(agree.every(Boolean) ? 'the two agree' : 'the two DO NOT agree')
process.exit(agree.every(Boolean) ? 0 : 1)

type Figure = (result: LabResult, arm: string) => number

function successOf(result: LabResult, arm: string): number {
  return result.arms[arm]?.successRatio ?? Number.NaN
}

function medianOf(result: LabResult, arm: string): number {
  return result.arms[arm]?.latencyMs.p50 ?? Number.NaN
}

function mean(mode: 'sim' | 'real', arm: string, of: Figure): number {
  return results.reduce((sum, each) => sum + of(each[mode], arm), 0) / results.length
}

function successes(arm: string) {
  const [sim, real] = [mean('sim', arm, successOf), mean('real', arm, successOf)]
  const apart = Number(((real - sim) * 100).toFixed(1))
  return { 'success sim': Number(sim.toFixed(3)), real: Number(real.toFixed(3)), 'success: points apart': apart }
}

function medians(arm: string) {
  const [sim, real] = [mean('sim', arm, medianOf), mean('real', arm, medianOf)]
  const apart = Number(((real / sim - 1) * 100).toFixed(1))
  return { 'p50 sim (ms)': Math.round(sim), 'p50 real (ms)': Math.round(real), 'p50: % apart': apart }
}

function checksOf(arm: string) {
  const bad = results
    .flatMap(({ real }) => Object.values(real.checks))
    .filter(({ ok, where }) => !ok && where.startsWith(arm))
  return { checks: bad.length === 0 ? 'ok' : bad.map(({ where }) => where).join('; ') }
}

function showProgress(text: string): void {
  process.stderr.write(`\r\x1b[K${text}`)
}
