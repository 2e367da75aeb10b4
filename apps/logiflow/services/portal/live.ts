import type { ServerResponse } from 'node:http'
import { every } from '../../platform/machine.ts'

const COALESCE_MS = 250
const HEARTBEAT_MS = 15_000
const CLIENTS_MAX = 200
/** A page that does not read any more; it reconnects and asks for everything. */
const UNSENT_BYTES_MAX = 1024 * 1024

/** Server-sent events to every open page; changes of a quarter of a second travel together. */
export class LivePages {
  readonly #clients = new Set<ServerResponse>()
  readonly #orders = new Set<string>()
  readonly #trucks = new Set<string>()
  readonly #collect: (orders: readonly string[], trucks: readonly string[]) => Promise<unknown>
  readonly #timers: NodeJS.Timeout[]

  constructor(collect: (orders: readonly string[], trucks: readonly string[]) => Promise<unknown>) {
    this.#collect = collect
    this.#timers = [
      every(COALESCE_MS, () => void this.#flush()),
      every(HEARTBEAT_MS, () => this.#write(': still here\n\n')),
    ]
  }

  readonly changed = (changed: { readonly orderId?: string; readonly truckId?: string }): void => {
    if (this.#clients.size === 0) return
    if (changed.orderId !== undefined) this.#orders.add(changed.orderId)
    if (changed.truckId !== undefined) this.#trucks.add(changed.truckId)
  }

  open(response: ServerResponse): void {
    if (this.#clients.size >= CLIENTS_MAX) {
      response.writeHead(503, { 'retry-after': '5' }).end()
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write('retry: 2000\n\n')
    this.#clients.add(response)
    response.on('close', () => this.#clients.delete(response))
  }

  send(event: string, data: unknown): void {
    this.#write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
    for (const client of this.#clients) client.end()
  }

  async #flush(): Promise<void> {
    if (this.#orders.size + this.#trucks.size === 0) return
    const [orders, trucks] = [[...this.#orders], [...this.#trucks]]
    this.#orders.clear()
    this.#trucks.clear()
    const data = await this.#collect(orders, trucks).catch(() => undefined)
    if (data !== undefined) this.send('change', data)
  }

  #write(text: string): void {
    for (const client of this.#clients) {
      if (client.writableLength > UNSENT_BYTES_MAX) client.destroy()
      else client.write(text)
    }
  }
}
