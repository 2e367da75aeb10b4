import { integerBetween, pick, type Random } from '../values/random.ts'
import { fits, isDrivable, legM, type PlanningProblem, planCostM, type Tour } from './planning-problem.ts'

/** Figures of Christiaens and Vanden Berghe, "Slack induction by string removals" (2020). */
const REMOVED_MEAN = 10
const STRING_STOPS_MAX = 10
const BLINK = 0.01
/** Start and end temperature as a share of the start cost. */
const HOT_SHARE = 0.01
const COLD_SHARE = 0.00001

type Ruin = {
  readonly tours: readonly Tour[]
  readonly removed: readonly number[]
}

/** Takes strings of neighbouring stops out of tours that pass near one seed stop, so that the gaps lie side by side. */
const ruin = (nearest: readonly (readonly number[])[], tours: readonly Tour[], random: Random): Ruin => {
  const stops = tours.flat()
  const lengthMax = Math.min(STRING_STOPS_MAX, stops.length / tours.length)
  const stringsMax = (4 * REMOVED_MEAN) / (1 + lengthMax) - 1
  const strings = Math.floor(random() * stringsMax + 1)
  const owner = new Map(tours.flatMap((tour) => tour.map((stop) => [stop, tour] as const)))
  const cut = new Map<Tour, Tour>()
  const removed: number[] = []
  for (const stop of nearest[pick(random, stops)] ?? []) {
    const tour = owner.get(stop)
    if (tour === undefined || cut.has(tour)) continue
    if (cut.size >= strings) break
    const length = Math.floor(random() * Math.min(tour.length, lengthMax) + 1)
    const at = tour.indexOf(stop)
    const from = integerBetween(random, Math.max(0, at - length + 1), Math.min(at, tour.length - length))
    removed.push(...tour.slice(from, from + length))
    cut.set(tour, [...tour.slice(0, from), ...tour.slice(from + length)])
  }
  return {
    tours: tours.map((tour) => cut.get(tour) ?? tour).filter((tour) => tour.length > 0),
    removed,
  }
}

type Slot = {
  readonly tourIndex: number
  readonly at: number
  readonly addedM: number
}

const cheapestSlot = (problem: PlanningProblem, tours: readonly Tour[], stop: number, random: Random): Slot | null => {
  let best: Slot | null = null
  for (const [tourIndex, tour] of tours.entries()) {
    if (!fits(problem, [...tour, stop])) continue
    for (let at = 0; at <= tour.length; at++) {
      const [before, after] = [tour[at - 1] ?? 0, tour[at] ?? 0]
      const addedM = legM(problem, before, stop) + legM(problem, stop, after) - legM(problem, before, after)
      // A blink now and then lets the second best slot win, which is what makes greedy insertion explore.
      if ((best !== null && addedM >= best.addedM) || random() < BLINK) continue
      if (problem.timing === undefined || isDrivable(problem, tour.toSpliced(at, 0, stop)))
        best = { tourIndex, at, addedM }
    }
  }
  return best
}

/** Share of a truck that a stop takes, by what is scarcest. */
const fillOf = ({ demands, capacity }: PlanningProblem, stop: number): number =>
  Math.max(
    (demands[stop]?.weightG ?? 0) / Math.max(1, capacity.weightG),
    (demands[stop]?.ldmCm ?? 0) / Math.max(1, capacity.ldmCm),
  )

const orderOf = (problem: PlanningProblem, removed: readonly number[], random: Random): readonly number[] => {
  const keyed = (keyOf: (stop: number) => number): readonly number[] =>
    removed
      .map((stop) => ({ stop, key: keyOf(stop) }))
      .sort((a, b) => a.key - b.key || a.stop - b.stop)
      .map(({ stop }) => stop)
  const draw = integerBetween(random, 1, 11)
  if (draw <= 4) return keyed(() => random())
  if (draw <= 8) return keyed((stop) => -fillOf(problem, stop))
  return keyed((stop) => legM(problem, 0, stop) * (draw === 11 ? 1 : -1))
}

const recreate = (problem: PlanningProblem, ruined: Ruin, random: Random): readonly Tour[] => {
  const tours = [...ruined.tours]
  for (const stop of orderOf(problem, ruined.removed, random)) {
    const slot = cheapestSlot(problem, tours, stop, random)
    const host = slot === null ? undefined : tours[slot.tourIndex]
    if (slot === null || host === undefined) tours.push([stop])
    else tours[slot.tourIndex] = host.toSpliced(slot.at, 0, stop)
  }
  return tours
}

/** Simulated annealing over ruin and recreate; a fixed number of rounds, so the same seed gives the same plan anywhere. */
export const annealTours = (
  problem: PlanningProblem,
  start: readonly Tour[],
  options: { readonly random: Random; readonly iterations: number },
): readonly Tour[] => {
  const { random, iterations } = options
  if (start.flat().length < 2) return start
  const nearest = problem.distanceM.map((row, from) =>
    [...row.keys()].filter((to) => to !== 0).sort((a, b) => legM(problem, from, a) - legM(problem, from, b) || a - b),
  )
  let [current, best] = [start, start]
  let currentM = planCostM(problem, start)
  let bestM = currentM
  const hotM = Math.max(1, currentM * HOT_SHARE)
  for (let iteration = 0; iteration < iterations; iteration++) {
    const temperatureM = hotM * (COLD_SHARE / HOT_SHARE) ** (iteration / iterations)
    const candidate = recreate(problem, ruin(nearest, current, random), random)
    const costM = planCostM(problem, candidate)
    if (costM < currentM - temperatureM * Math.log(1 - random())) [current, currentM] = [candidate, costM]
    if (costM < bestM) [best, bestM] = [candidate, costM]
  }
  return best
}
