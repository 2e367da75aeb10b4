import { createServer, type Server, Socket } from 'node:net'

/** A way to a server that can be cut and healed, as a network does it: nothing is closed, nothing arrives. */
export interface TcpProxy {
  readonly port: number
  /**
   * From now on nothing passes in either direction; what is under way arrives after `heal`, or never. New connections are
   * taken and hear nothing.
   */
  cut(): void
  heal(): void
  close(): Promise<void>
}

/** One client and its connection to the server. Sockets that do not read let the system's buffers fill, as a cut line does. */
interface Pair {
  readonly client: Socket
  readonly server: Socket
}

/** Listens on 127.0.0.1 at `port` (0: any) and passes everything on to the port that `target` names at that moment. */
export async function tcpProxy(port: number, target: () => number): Promise<TcpProxy> {
  const pairs = new Set<Pair>()
  let isCut = false
  const stop = (pair: Pair): void => {
    pairs.delete(pair)
    pair.client.destroy()
    pair.server.destroy()
  }
  const join = (pair: Pair): void => {
    const { client, server } = pair
    client.pipe(server)
    server.pipe(client)
  }
  const part = ({ client, server }: Pair): void => {
    client.unpipe(server).pause()
    server.unpipe(client).pause()
  }
  const listener = createServer({ pauseOnConnect: true }, (client) => {
    const server = new Socket()
    const pair = { client, server }
    pairs.add(pair)
    for (const socket of [client, server]) socket.on('error', () => stop(pair)).on('close', () => stop(pair))
    if (isCut) return
    server.connect(target(), '127.0.0.1')
    join(pair)
  })
  await listening(listener, port)
  return {
    port: (listener.address() as { port: number }).port,
    cut() {
      isCut = true
      for (const pair of pairs) part(pair)
    },
    heal() {
      // Two that are joined twice write everything twice.
      if (!isCut) return
      isCut = false
      for (const pair of pairs) {
        if (pair.server.pending && !pair.server.connecting) pair.server.connect(target(), '127.0.0.1')
        join(pair)
      }
    },
    async close() {
      const closed = new Promise((resolve) => listener.close(resolve))
      for (const pair of pairs) stop(pair)
      await closed
    },
  }
}

function listening(listener: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    listener.once('error', reject)
    listener.listen(port, '127.0.0.1', resolve)
  })
}
