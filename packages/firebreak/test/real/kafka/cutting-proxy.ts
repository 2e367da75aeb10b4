import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Where a proxy cuts a connection when it sees a piece of a message. */
export interface Cut {
  readonly at: string
  /** `before`: the server never gets the piece. `after`: it gets it, and its answer is lost. */
  readonly when: 'before' | 'after'
  /** Nobody gets through any more. */
  readonly andStay?: boolean
}

/** Stands between a client and a server, and cuts connections on demand. */
export class CuttingProxy {
  readonly #server: Server
  readonly #target: { readonly host: string; readonly port: number }
  readonly #sockets = new Set<Socket>()
  /** Connections are refused while it is false. */
  open = true
  /** Nothing is passed on and nothing is ended while it is true, as on a cable that was pulled. */
  frozen = false
  /** The next connection that carries it is cut. */
  cut: Cut | undefined
  /** Sees what the server says before it is passed on. */
  onAnswer: ((data: Buffer) => void) | undefined

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#carry(client))
  }

  async start(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    this.cutAll()
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** Sockets of its own that are open. */
  get sockets(): number {
    return this.#sockets.size
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #carry(client: Socket): void {
    if (!this.open) {
      client.destroy()
      return
    }
    const server = connect({ ...this.#target, allowHalfOpen: true })
    const both = [client, server]
    for (const socket of both) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        for (const one of both) one.destroy()
      })
    }
    for (const socket of both) {
      socket.on('end', () => {
        if (!this.frozen) for (const one of both) one.end()
      })
    }
    server.on('data', (data: Buffer) => {
      this.onAnswer?.(data)
      if (!this.frozen) client.write(data)
    })
    client.on('data', (data) => {
      if (this.frozen) return
      const { cut } = this
      if (cut === undefined || !data.includes(cut.at)) {
        server.write(data)
        return
      }
      this.cut = undefined
      if (cut.andStay) this.open = false
      client.destroy()
      if (cut.when === 'after') server.end(data)
      else server.destroy()
    })
  }
}

/** A proxy before the server of `url`, and the `url` that leads through it. */
export async function proxyBefore(url: string): Promise<{ readonly proxy: CuttingProxy; readonly url: string }> {
  const through = new URL(url)
  const proxy = new CuttingProxy({ host: through.hostname, port: Number(through.port || 5432) })
  through.hostname = '127.0.0.1'
  through.port = String(await proxy.start())
  return { proxy, url: through.href }
}
