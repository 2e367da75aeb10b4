import { createServer } from 'node:net'
import { PORT_DEFAULT, UsageError } from './flags.ts'

const PORTS_TRIED = 10

const isFree = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const probe = createServer()
    probe.once('error', () => done(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)))
  })

/** The port of the page: the wanted one, or the first free one from the default on. **Errors** `UsageError`. */
export const choosePort = async (wanted: number | undefined): Promise<number> => {
  if (wanted !== undefined) {
    if (wanted === 0 || (await isFree(wanted))) return wanted
    throw new UsageError(`port ${wanted} is taken. Leave --port out and the next free one is used.`)
  }
  for (let port = PORT_DEFAULT; port < PORT_DEFAULT + PORTS_TRIED; port++) if (await isFree(port)) return port
  throw new UsageError(`ports ${PORT_DEFAULT} to ${PORT_DEFAULT + PORTS_TRIED - 1} are taken. Choose one with --port.`)
}
