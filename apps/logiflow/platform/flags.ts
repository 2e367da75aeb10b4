import { parseArgs } from 'node:util'
import { databaseEngines, defaultDataDir, type EngineChoice, isNamespace, logEngines } from './engine-settings.ts'

export const PORT_DEFAULT = 7311

export type StartFlags = {
  /** undefined: the first free port from the default on. */
  readonly port: number | undefined
  readonly data: string
  readonly engines: EngineChoice
  /** undefined: what the data folder says, or none. */
  readonly namespace: string | undefined
  readonly reset: boolean
  readonly yes: boolean
  readonly quiet: boolean
  readonly jsonLogs: boolean
  readonly help: boolean
}

export const startHelp: string = `npm start -- [options]

  --port <n>     port of the page, default ${PORT_DEFAULT} or the next free one
  --data <dir>   where everything is kept, default .logiflow; the engines are part of the name, as in .logiflow-kafka-postgres
  --log <l>      embedded (default) or kafka: KAFKA_BROKERS, or what npm run infra -- up has started
  --database <d> sqlite (default) or postgres: DATABASE_URL, or what npm run infra -- up has started.
                 With postgres, routing and invoicing run in three instances each
  --namespace <n>  goes before topics, groups and databases on the servers, to keep two LogiFlows apart; default none
  --reset        start over: asks before it deletes the data folder, and what LogiFlow created on servers
  --yes          answers yes to that question
  --quiet        prints the address and nothing else
  --json-logs    one JSON object per line instead of text
  --help         this text`

export class UsageError extends Error {}

export const engineOptions = {
  log: { type: 'string', default: 'embedded' },
  database: { type: 'string', default: 'sqlite' },
} as const

const oneOf = <T extends string>(flag: string, known: readonly T[], text: string): T => {
  const found = known.find((one) => one === text)
  if (found === undefined) throw new UsageError(`--${flag} must be ${known.join(' or ')}, not "${text}"`)
  return found
}

/** **Errors** `UsageError` */
export const engineChoiceOf = (values: { readonly log: string; readonly database: string }): EngineChoice => ({
  log: oneOf('log', logEngines, values.log),
  database: oneOf('database', databaseEngines, values.database),
})

const namespaceOf = (text: string | undefined): string | undefined => {
  if (text !== undefined && !isNamespace(text))
    throw new UsageError(`--namespace must be up to 24 lower-case letters and digits, a letter first, not "${text}"`)
  return text
}

/** **Errors** `UsageError` in words a person can act on. */
export const parseStartFlags = (args: readonly string[]): StartFlags => {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        data: { type: 'string' },
        ...engineOptions,
        namespace: { type: 'string' },
        reset: { type: 'boolean', default: false },
        yes: { type: 'boolean', default: false },
        quiet: { type: 'boolean', default: false },
        'json-logs': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const port = values.port === undefined ? undefined : Number(values.port)
    if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535))
      throw new UsageError(`--port must be a number from 0 to 65535, not "${values.port}"`)
    const { reset, yes, quiet, help } = values
    const engines = engineChoiceOf(values)
    return {
      ...{ port, reset, yes, quiet, help, engines, jsonLogs: values['json-logs'] },
      data: values.data ?? defaultDataDir(engines),
      namespace: namespaceOf(values.namespace),
    }
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(error instanceof Error ? error.message : String(error))
  }
}
