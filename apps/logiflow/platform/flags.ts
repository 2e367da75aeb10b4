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

  --port <n>       port of the page; default ${PORT_DEFAULT} or the next free one
  --data <dir>     where everything is kept; default .logiflow, with the engines
                   in the name, as in .logiflow-kafka-postgres
  --log <l>        embedded (default), or kafka: KAFKA_BROKERS, or what
                   npm run infra -- up has started
  --database <d>   sqlite (default), or postgres: DATABASE_URL, or what
                   npm run infra -- up has started. With postgres, routing and
                   invoicing run in three instances each
  --namespace <n>  goes before topics, groups and databases on the servers, to
                   keep two LogiFlows apart; default none
  --reset          start over: asks before it deletes the data folder, and what
                   LogiFlow created on servers
  --yes            answers yes to that question
  --quiet          prints the address and nothing else
  --json-logs      one JSON object per line instead of text
  -h, --help       this text

Exit codes: 0 stopped, 1 failed or the output cannot be written, 2 wrong usage`

const helpHint = 'See: npm start -- --help'

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

const options = {
  port: { type: 'string' },
  data: { type: 'string' },
  ...engineOptions,
  namespace: { type: 'string' },
  reset: { type: 'boolean', default: false },
  yes: { type: 'boolean', default: false },
  quiet: { type: 'boolean', default: false },
  'json-logs': { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

const without = (text: string, at: number): string => text.slice(0, at) + text.slice(at + 1)

/** A character too many, too few or another one, or two swapped. */
const isSlip = (typed: string, name: string): boolean =>
  Array.from({ length: Math.max(typed.length, name.length) }).some((_, at) => {
    const [less, fewer] = [without(typed, at), without(name, at)]
    const swapped = typed.slice(0, at) + typed.slice(at + 1, at + 2) + typed.slice(at, at + 1) + typed.slice(at + 2)
    return less === name || typed === fewer || less === fewer || swapped === name
  })

const isPart = (typed: string, name: string): boolean =>
  typed.length >= 3 && (name.startsWith(typed) || typed.startsWith(name))

/** What `parseArgs` refuses, in the words of the command line. */
const inWords = (error: unknown): string => {
  const { code, message } = error as { readonly code?: string; readonly message?: string }
  const [, named = ''] = /'([^']*)'/.exec(message ?? '') ?? []
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL') return `Unexpected argument "${named}".`
  if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return message ?? String(error)
  const [typed, names] = [named.replace(/^-+/, ''), Object.keys(options)]
  const meant = names.find((name) => isSlip(typed, name)) ?? names.find((name) => isPart(typed, name))
  return `There is no option ${named}.${meant === undefined ? '' : ` Did you mean "--${meant}"?`}`
}

/** **Errors** `UsageError` in words a person can act on. */
export const parseStartFlags = (args: readonly string[]): StartFlags => {
  try {
    const { values } = parseArgs({ args: [...args], options })
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
    throw new UsageError(`${error instanceof UsageError ? error.message : inWords(error)}\n${helpHint}`)
  }
}
