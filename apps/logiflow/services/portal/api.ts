import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Database } from 'firebreak'
import { z } from 'zod'
import { TariffPublished } from '../../contracts/events.ts'
import { tellSupervisor } from '../../platform/child.ts'
import { pdfDirOf } from '../../platform/engines.ts'
import { Problem, type Reply, type Routes } from '../../platform/http.ts'
import { newId, nowMs } from '../../platform/machine.ts'
import type { Command, OpsSnapshot } from '../../platform/messages.ts'
import type { ServiceParts } from '../../platform/service-process.ts'
import { simNow } from '../../platform/sim-clock.ts'
import type { LivePages } from './live.ts'
import { orderRequest, placeOrder } from './place-order.ts'
import { findCard, heardSources, invoicePdfKey, invoicesAhead, invoicesDue, latestCards, liveTrucks } from './store.ts'
import { cardView, mapView, truckView } from './views.ts'

const CARDS_SHOWN = 60
/** Tariffs that quotes use already and that invoicing has not been told: what a forgotten deployment step looks like. */
const newTariff = (): string => `SPOT-${newId().slice(0, 4).toUpperCase()}`

export type PortalState = { ops: OpsSnapshot | null }
type Context = ServiceParts & { readonly pages: LivePages; readonly state: PortalState }

const accepted = (json: unknown, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status: 202,
  json,
  headers,
})

/** How fresh each source is here: when it was last heard, what is still expected from it, and what waits for a person. */
export const freshnessOf = async (database: Database, ops: OpsSnapshot | null): Promise<unknown> => {
  const held = (ops?.letters ?? []).flatMap(({ service, orderId }) => (service === 'invoicing' ? (orderId ?? []) : []))
  const [heardMs, due] = await Promise.all([heardSources(database), invoicesDue(database, held)])
  return { nowMs: nowMs(), heardMs, invoices: { ...due, held: held.length } }
}

/** A file that somebody has removed is not there, and where it was is nobody's business. */
const readPdf = async (folder: string, key: string): Promise<Uint8Array> => {
  try {
    // The key is from an event: it leads into this folder and nowhere else.
    return await readFile(join(folder, basename(key)))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new Problem(404, 'the PDF of this invoice is not there any more')
  }
}

const customerRoutes = (parts: Context): Routes => ({
  'GET /api/map': () => ({ status: 200, json: mapView() }),
  'GET /api/overview': async () => ({
    status: 200,
    json: {
      clock: { simNowMs: Date.parse(simNow(parts.clock)), speed: parts.clock.speed },
      orders: (await latestCards(parts.database, CARDS_SHOWN)).map(cardView),
      trucks: (await liveTrucks(parts.database)).map(truckView),
      freshness: await freshnessOf(parts.database, parts.state.ops),
      ops: parts.state.ops,
    },
  }),
  'GET /api/orders/:orderId': async ({ params }) => {
    const row = await findCard(parts.database, params['orderId'] ?? '')
    if (row === undefined) throw new Problem(404, 'no such order')
    const ahead =
      row.invoice_number === null && row.routed_ms !== null ? await invoicesAhead(parts.database, row.routed_ms) : null
    return { status: 200, json: { ...cardView(row), invoicesAhead: ahead } }
  },
  'POST /api/orders': async (request) => {
    const key = request.headers['idempotency-key']
    if (typeof key !== 'string' || key.length < 8 || key.length > 100)
      throw new Problem(400, 'send an Idempotency-Key of 8 to 100 characters')
    const order = orderRequest.parse(await request.json())
    const placed = await parts.runtime.transaction((tx) => placeOrder(tx, order, { key, now: simNow(parts.clock) }))
    parts.pages.changed({ orderId: placed.orderId })
    return accepted({ ...placed, status: 'pending' }, { location: `/api/orders/${placed.orderId}` })
  },
  'GET /api/invoices/:number/pdf': async ({ params }) => {
    const number = params['number'] ?? ''
    const key = await invoicePdfKey(parts.database, number)
    if (key === undefined) throw new Problem(404, 'no such invoice')
    const bytes = await readPdf(pdfDirOf(parts.engines), key)
    const disposition = `inline; filename="${number}.pdf"`
    return { status: 200, bytes, headers: { 'content-type': 'application/pdf', 'content-disposition': disposition } }
  },
  'GET /api/stream': () => ({ status: 200, stream: (response) => parts.pages.open(response) }),
})

const crashRequest = z.object({ service: z.enum(['routing', 'invoicing', 'tracking', 'world']) })
const stopRequest = z.object({ service: z.enum(['routing', 'invoicing', 'tracking']) })
const burstRequest = z.object({ orders: z.int().min(1).max(50) })
const tariffRequest = z.object({ tariffId: z.string().regex(/^SPOT-[0-9A-F]{4}$/) })

const commanded = (command: Command): Reply => {
  tellSupervisor({ kind: 'command', command })
  return accepted({ command })
}

const opsRoutes = (parts: Context): Routes => ({
  'POST /api/ops/crash': async (request) => {
    const { service } = crashRequest.parse(await request.json())
    return commanded({ do: 'crash', service })
  },
  /** Stopped until it is started again: an outage as long as the person wants it. */
  'POST /api/ops/stop': async (request) => commanded({ do: 'stop', ...stopRequest.parse(await request.json()) }),
  'POST /api/ops/start': async (request) => commanded({ do: 'start', ...stopRequest.parse(await request.json()) }),
  'POST /api/ops/burst': async (request) => commanded({ do: 'burst', ...burstRequest.parse(await request.json()) }),
  /** An order at a tariff that invoicing does not know: its route becomes a dead letter there. */
  'POST /api/ops/poison': async () => {
    const request = {
      customerId: 'C-0002',
      toPlaceId: '2751283',
      goods: 'Ceramic floor tiles',
      pallets: 12,
      palletKg: 450,
      cooled: false,
    }
    const at = { key: `poison-${newId()}`, now: simNow(parts.clock), tariffId: newTariff() }
    const placed = await parts.runtime.transaction((tx) => placeOrder(tx, request, at))
    parts.pages.changed({ orderId: placed.orderId })
    return accepted(placed)
  },
  'POST /api/ops/tariffs': async (request) => {
    const { tariffId } = tariffRequest.parse(await request.json())
    await parts.runtime.publish(TariffPublished, { type: 'TariffPublished', tariffId, basedOn: 'STANDARD-2026' })
    return accepted({ tariffId })
  },
  'POST /api/ops/letters/:service/:id/replay': ({ params }) =>
    commanded({ do: 'replay', service: params['service'] ?? '', id: params['id'] ?? '' }),
})

export const portalRoutes = (parts: Context): Routes => ({ ...customerRoutes(parts), ...opsRoutes(parts) })
