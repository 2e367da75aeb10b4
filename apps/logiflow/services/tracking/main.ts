import { z } from 'zod'
import { positionBatch } from '../../contracts/requests.ts'
import { Problem } from '../../platform/http.ts'
import { runService } from '../../platform/service-process.ts'
import { tracking } from './handlers.ts'
import { observePosition, observeScan, type PlanCache } from './observe.ts'
import { trackingTables } from './store.ts'

const labelScan = z.object({
  shipmentId: z.string().min(1),
  kind: z.enum(['pickup', 'delivery']),
  at: z.iso.datetime({ precision: 3 }),
  geo: z.object({ lat: z.number().min(-90).max(90), lon: z.number().min(-180).max(180) }),
  receiverInitials: z.string().max(4),
})

const plans: PlanCache = new Map()

await runService({
  name: 'tracking',
  service: () => tracking,
  tables: trackingTables,
  routes: ({ runtime }) => ({
    /** On-board units report where they are; accepted once stored. */
    'POST /positions': async (request) => {
      const { positions } = positionBatch.parse(await request.json())
      await runtime.transaction(async (tx) => {
        for (const position of positions) await observePosition(tx, position, plans)
      })
      return { status: 202, json: { accepted: positions.length } }
    },
    /** Drivers scan a label when they load and when they deliver. */
    'POST /scans': async (request) => {
      const scan = labelScan.parse(await request.json())
      const isKnown = await runtime.transaction((tx) => observeScan(tx, scan))
      if (!isKnown) throw new Problem(404, `no shipment ${scan.shipmentId} yet`)
      return { status: 202, json: { accepted: 1 } }
    },
  }),
})
