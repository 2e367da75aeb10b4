import { isDrivable, type PlanningProblem, planCostM, type Tour, tourCostM } from './planning-problem.ts'

const SEGMENT_STOPS_MAX = 3

/** Best reversal of a part of one tour, or null when none is shorter. */
const twoOpt = (problem: PlanningProblem, tour: Tour): Tour | null => {
  let best: Tour | null = null
  let bestM = tourCostM(problem, tour)
  for (let from = 0; from < tour.length - 1; from++) {
    for (let to = from + 2; to <= tour.length; to++) {
      const candidate = [...tour.slice(0, from), ...tour.slice(from, to).reverse(), ...tour.slice(to)]
      const costM = tourCostM(problem, candidate)
      if (costM < bestM && isDrivable(problem, candidate)) [best, bestM] = [candidate, costM]
    }
  }
  return best
}

/** Moves up to three neighbours to the place where they cost least, in this tour or in the other. */
const orOpt = (problem: PlanningProblem, source: Tour, target: Tour): readonly [Tour, Tour] | null => {
  const isSame = source === target
  const beforeM = isSame ? tourCostM(problem, source) : planCostM(problem, [source, target])
  for (let length = 1; length <= Math.min(SEGMENT_STOPS_MAX, source.length); length++) {
    for (let from = 0; from + length <= source.length; from++) {
      const segment = source.slice(from, from + length)
      const rest = [...source.slice(0, from), ...source.slice(from + length)]
      const host = isSame ? rest : target
      for (let at = 0; at <= host.length; at++) {
        const grown = [...host.slice(0, at), ...segment, ...host.slice(at)]
        const afterM = tourCostM(problem, grown) + (isSame ? 0 : tourCostM(problem, rest))
        if (afterM < beforeM && isDrivable(problem, grown) && (isSame || isDrivable(problem, rest))) {
          return isSame ? [grown, grown] : [rest, grown]
        }
      }
    }
  }
  return null
}

const improveOnce = (problem: PlanningProblem, tours: readonly Tour[]): readonly Tour[] | null => {
  for (const tour of tours) {
    const shorter = twoOpt(problem, tour)
    if (shorter !== null) return tours.map((other) => (other === tour ? shorter : other))
  }
  for (const source of tours) {
    for (const target of tours) {
      const moved = orOpt(problem, source, target)
      if (moved === null) continue
      const [left, grown] = moved
      return tours
        .map((tour) => (tour === target ? grown : tour === source ? left : tour))
        .filter((tour) => tour.length > 0)
    }
  }
  return null
}

/** 2-opt inside tours and Or-opt inside and between them until nothing helps. Source: Lin 1965, Or 1976. */
export const improveTours = (problem: PlanningProblem, tours: readonly Tour[]): readonly Tour[] => {
  let current = tours
  for (let next = improveOnce(problem, current); next !== null; next = improveOnce(problem, current)) current = next
  return current
}
