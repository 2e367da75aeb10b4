import { isDrivable, legM, type PlanningProblem, type Tour } from './planning-problem.ts'

type Saving = {
  readonly from: number
  readonly to: number
  readonly savedM: number
}

const savingsOf = (problem: PlanningProblem, stops: readonly number[]): Saving[] =>
  stops
    .flatMap((from) =>
      stops
        .filter((to) => to !== from)
        .map((to) => ({
          from,
          to,
          savedM: legM(problem, from, 0) + legM(problem, 0, to) - legM(problem, from, to),
        })),
    )
    .filter((saving) => saving.savedM > 0)
    .sort((a, b) => b.savedM - a.savedM || a.from - b.from || a.to - b.to)

/** Joins round trips end to start while that saves most and a truck can still drive it. Source: Clarke and Wright 1964. */
export const savingsTours = (problem: PlanningProblem, stops: readonly number[]): readonly Tour[] => {
  const tourAt = new Map<number, Tour>(stops.map((stop) => [stop, [stop]]))
  const keep = (tour: Tour): void => {
    for (const stop of tour) tourAt.set(stop, tour)
  }
  for (const { from, to } of savingsOf(problem, stops)) {
    const [head, tail] = [tourAt.get(from), tourAt.get(to)]
    if (head === undefined || tail === undefined || head === tail) continue
    if (tail[0] !== to) continue
    const start = head.at(-1) === from ? head : null
    // A tour that starts with `from` can be driven backwards; whether it still meets its windows is checked below.
    const reversed = start === null && head[0] === from ? head.toReversed() : start
    if (reversed === null) continue
    const joined = [...reversed, ...tail]
    if (isDrivable(problem, joined)) keep(joined)
  }
  return [...new Set(tourAt.values())]
}
