/** Shape of a scenario file as a whole, and its JSON Schema. */
import { z } from 'zod'
import {
  edgeSchema,
  expectationSchema,
  faultSchema,
  nameOf,
  serviceSchema,
  trafficSchema,
} from './scenario-entry-schemas.ts'
import { choice, duration, edgeIdPattern, leaf, map, numeric, text } from './scenario-leaves.ts'
import { patchOf, removable } from './scenario-patch-schema.ts'
import { policySchema } from './scenario-policy-schema.ts'
import { time } from './scenario-time-schema.ts'

const version = leaf<1>({ const: 1 }, (value) =>
  value === 1 ? undefined : { message: 'must be 1, the only version there is' },
)
const prose = text('^[^\\u0000]{0,2000}$', 'text of at most 2000 characters')
const success = choice(['processed', 'answered']).describe(
  'processed: answered, and all that the request set off is done; answered: the entry has answered',
)

const header = {
  name: text('^[^\\u0000-\\u001f]{1,100}$', 'text of 1 to 100 characters')
    .describe('Name; default the name of the file')
    .optional(),
  description: prose.describe('What it shows').default(''),
  seed: numeric({ min: 0, max: 2 ** 32 - 1, whole: true })
    .describe('The same seed gives the same run')
    .default(1),
  replications: numeric({ min: 1, max: 1000, whole: true })
    .describe('Runs with seeds of their own; more than one gives confidence intervals')
    .default(1),
  duration: duration().describe('Requests arrive from 0 to here'),
  warmup: duration().describe('Requests that arrive before are simulated and not counted').default(0),
  drain: duration().describe('How long after the last arrival the run may go on').default('60s'),
  window: duration(1).describe('Width of the points of the time series').default('1s'),
  maxEvents: numeric({ min: 1, max: 1e9, whole: true })
    .describe('Stops what runs away, per arm and replication')
    .default(50_000_000),
  success: success.default('processed'),
}

const id = text(edgeIdPattern, 'the id of an edge like web->profile')
const service = nameOf('a name: letters, digits, _ and -')
const body = {
  services: z.record(service, serviceSchema).describe('What answers requests, by name'),
  edges: z.array(edgeSchema).describe('Who depends on whom').default([]),
  policies: z.record(service, policySchema).describe('Ways to call a dependency, by name').default({}),
  traffic: z
    .union([trafficSchema, z.array(trafficSchema).min(1).max(100)])
    .describe('Where requests come from: one source, or a list'),
  faults: z.array(faultSchema).max(1000).describe('What goes wrong, and when').default([]),
}

// Half of one distribution and half of another is none.
const patch = (schema: z.ZodType): z.ZodType => patchOf(schema, new Set([time]))

/** What an arm may change: a merge patch over the base. `null` removes; a distribution and a map of another `kind` replace. */
const arm = map({
  description: removable(prose.describe('What is different')),
  success: removable(success),
  services: removable(
    z.record(service, patch(serviceSchema).nullable()).describe('Changes of services, new ones, or null'),
  ),
  edges: removable(
    z
      .record(id, patch(edgeSchema).nullable())
      .describe('Changes of edges by id, null to remove one, or a new id with from and to'),
  ),
  policies: removable(
    z.record(service, patch(policySchema).nullable()).describe('Changes of policies, new ones, or null'),
  ),
  traffic: removable(
    z
      .union([patch(trafficSchema), z.array(trafficSchema).min(1).max(100)])
      .describe('Changes of the one source, or a list that replaces all'),
  ),
  faults: removable(z.array(faultSchema).max(1000).describe('Replaces the faults')),
})

/** A scenario file as a whole. Checks the shape; what fits together is checked when it is read. */
export const scenarioSchema: z.ZodType = map({
  $schema: text('^\\S{1,500}$', 'an address').describe('Where this schema is, for editors').optional(),
  version: version.describe('Version of this format'),
  ...header,
  ...body,
  arms: z
    .record(service, arm.nullable())
    .describe('Ways to build the system, by name; without any there is one, base')
    .default({}),
  expect: z.array(expectationSchema).max(1000).describe('Claims that `lab run` checks').default([]),
})

/** The part of a file that says something about the run as a whole. */
export const headerSchema = z.object(header)

export type RawHeader = z.infer<typeof headerSchema>

/** JSON Schema of a scenario file, for editors. */
export function scenarioJsonSchema(): unknown {
  return { title: 'firebreak lab scenario', ...z.toJSONSchema(scenarioSchema, { io: 'input', target: 'draft-07' }) }
}
