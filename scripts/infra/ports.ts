import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

// Ports above are given to outgoing connections. A client that redials a dead server in that range can be given the very
// port that it dials, is then connected to itself, and the server cannot come back.
const highest = 32_000

/**
 * Free ports on loopback, one for each wish: the wished port, or the next free one 10 further, and so on. They are held
 * together while they are chosen, so no two are the same.
 */
export async function freePorts(wishes: readonly number[]): Promise<readonly number[]> {
  const held: Server[] = []
  const ports: number[] = []
  try {
    for (const wish of wishes) {
      const { port, server } = await holdFrom(wish)
      held.push(server)
      ports.push(port)
    }
    return ports
  } finally {
    await Promise.all(held.map((server) => new Promise((closed) => server.close(closed))))
  }
}

/** Where a private server may look for its ports, so that two of them seldom ask for the same. */
export const anyPort = (): number => 20_000 + 10 * Math.floor(Math.random() * 900)

async function holdFrom(wish: number): Promise<{ port: number; server: Server }> {
  for (let port = wish; port <= highest; port += 10) {
    const server = await held(port)
    if (server !== undefined) return { port, server }
  }
  throw new Error(`no free port from ${wish} to ${highest}`)
}

async function held(port: number): Promise<Server | undefined> {
  const server = createServer()
  try {
    server.listen({ port, host: '127.0.0.1', exclusive: true })
    await once(server, 'listening')
    return server
  } catch {
    return undefined
  }
}
