import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { InfraError } from './failure.ts'
import { defaultFolder } from './state.ts'

export type Part = 'kafka' | 'postgres'

export interface Request {
  readonly verb: 'up' | 'down' | 'status'
  readonly parts: readonly Part[]
  /** Undefined: what runs already, or one. */
  readonly nodes: number | undefined
  readonly secure: boolean
  readonly keep: boolean
  readonly json: boolean
  readonly folder: string
}

export const help = `Usage: npm run infra -- up|down|status [kafka] [postgres] [options]

Real servers for development and tests, on loopback only. Both of them, unless one is named.

  up       starts what does not run yet, and waits until it works
  down     stops what "up" has started, and deletes its data
  status   what runs, since when, and where it came from

  --nodes 1|3       brokers of Kafka; one by default
  --secure          a further listener of Kafka: SASL (PLAIN, SCRAM, OAUTHBEARER) over TLS, with fresh certificates and users
  --keep            "down" leaves the data for the next "up"
  --folder <path>   where state, data and logs go; .firebreak/infra by default
  --json            one JSON document on stdout
  --help            this text

Where servers come from: KAFKA_BROKERS and DATABASE_URL are taken when they are set, and nothing is started. Otherwise Docker,
where an engine answers. Otherwise Kafka from Maven Central on Java 17 or newer, and PostgreSQL from Debian's packages.

No password is asked for on loopback: everybody with an account on this machine can reach these servers.

Exit codes: 0 all is well, 1 something does not answer or failed, 2 a wrong option or another number of nodes than what runs,
3 "status" with nothing up, 130 after Ctrl-C.
`

/** Reads the command line; undefined when help is asked for. **Errors** InfraError with exit code 2. */
export function readArguments(args: readonly string[]): Request | undefined {
  const { values, positionals } = parsed(args)
  if (values.help) return undefined
  const [verb, ...words] = positionals
  if (verb !== 'up' && verb !== 'down' && verb !== 'status')
    throw usage(verb === undefined ? 'say up, down or status' : `"${verb}" is none of up, down, status`)
  const unknown = words.find((word) => word !== 'kafka' && word !== 'postgres')
  if (unknown !== undefined) throw usage(`"${unknown}" is none of kafka, postgres`)
  if (values.nodes !== undefined && values.nodes !== '1' && values.nodes !== '3')
    throw usage(`--nodes is 1 or 3, not ${values.nodes}`)
  const parts = (['kafka', 'postgres'] as const).filter((part) => words.length === 0 || words.includes(part))
  const isForKafka = values.nodes !== undefined || values.secure
  if (isForKafka && (verb !== 'up' || !parts.includes('kafka'))) throw usage('--nodes and --secure are for "up kafka"')
  if (values.keep && verb !== 'down') throw usage('--keep is for "down"')
  return {
    verb,
    parts,
    nodes: values.nodes === undefined ? undefined : Number(values.nodes),
    secure: values.secure,
    keep: values.keep,
    json: values.json,
    folder: values.folder === undefined ? defaultFolder : resolve(values.folder),
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        nodes: { type: 'string' },
        folder: { type: 'string' },
        secure: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    throw usage((error as Error).message)
  }
}

const usage = (message: string): InfraError => new InfraError(`${message}\nTry --help.`, 2)
