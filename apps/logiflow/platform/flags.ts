import { parseArgs } from 'node:util'

export const PORT_DEFAULT = 7311

export type StartFlags = {
  /** undefined: the first free port from the default on. */
  readonly port: number | undefined
  readonly data: string
  readonly reset: boolean
  readonly yes: boolean
  readonly quiet: boolean
  readonly jsonLogs: boolean
  readonly help: boolean
}

export const startHelp: string = `npm start -- [options]

  --port <n>     port of the page, default ${PORT_DEFAULT} or the next free one
  --data <dir>   where everything is kept, default .logiflow
  --reset        start over: asks before it deletes the data folder
  --yes          answers yes to that question
  --quiet        prints the address and nothing else
  --json-logs    one JSON object per line instead of text
  --help         this text`

export class UsageError extends Error {}

/** **Errors** `UsageError` in words a person can act on. */
export const parseStartFlags = (args: readonly string[]): StartFlags => {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        data: { type: 'string', default: '.logiflow' },
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
    const { data, reset, yes, quiet, help } = values
    return { port, data, reset, yes, quiet, help, jsonLogs: values['json-logs'] }
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(error instanceof Error ? error.message : String(error))
  }
}
