import { existsSync, readFileSync } from 'node:fs'
import type { PlanningProblem } from '../../domain/planning/planning-problem.ts'

const FOLDER = new URL('../../../../../shared/data/vrp/', import.meta.url)

/** False, or the reason to skip: instances are handed over beside the repository. */
export const skipWithoutInstances: false | string = existsSync(FOLDER) ? false : `no instances in ${FOLDER.pathname}`

const section = (text: string, from: string, to: string): number[][] =>
  (text.split(from)[1]?.split(to)[0] ?? '')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))

/** CVRPLIB text as a problem; EUC_2D distances are rounded to integers by the format's definition. */
export const readCvrp = (name: string): PlanningProblem => {
  const text = readFileSync(new URL(`${name}.vrp`, FOLDER), 'utf8')
  const points = section(text, 'NODE_COORD_SECTION', 'DEMAND_SECTION')
  const demands = section(text, 'DEMAND_SECTION', 'DEPOT_SECTION')
  const capacity = Number(/CAPACITY\s*:\s*(\d+)/.exec(text)?.[1])
  return {
    distanceM: points.map(([, x1, y1]) => points.map(([, x2, y2]) => Math.round(Math.hypot(x1! - x2!, y1! - y2!)))),
    demands: demands.map(([, demand]) => ({
      weightG: demand!,
      ldmCm: 0,
      pallets: 0,
    })),
    capacity: { weightG: capacity, ldmCm: 0, pallets: 0 },
  }
}
