import { z } from 'zod'
import { positionBatch } from '../contracts/requests.ts'
import { lastPosition, storePosition, trackingTables } from '../services/tracking/store.ts'
import { runRest } from './rest-process.ts'

const routed = z.object({ truckId: z.string(), eta: z.string() })

await runRest('tracking', trackingTables, ({ pool, ask, url, isHardened }) => ({
  'POST /positions': async (request) => {
    const { positions } = positionBatch.parse(await request.json())
    await pool.use((database) =>
      database.transaction(async (sql) => {
        for (const position of positions) await storePosition(sql, position)
      }),
    )
    return { status: 202, json: { accepted: positions.length } }
  },
  'GET /shipments/:orderId': ({ params }) =>
    pool.use(async (database) => {
      const answer = ask('GET', `${url('routing')}/etas/${params['orderId']}`)
      const { truckId, eta } = routed.parse(
        isHardened ? await answer.catch(() => ({ truckId: '', eta: '' })) : await answer,
      )
      return { status: 200, json: { orderId: params['orderId'], eta, position: await lastPosition(database, truckId) } }
    }),
}))
