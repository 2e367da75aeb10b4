import { runRest } from './rest-process.ts'

await runRest('portal', [], ({ ask, url }) => ({
  'GET /api/orders/:orderId': async ({ params }) => ({
    status: 200,
    json: await ask('GET', `${url('tracking')}/shipments/${params['orderId']}`),
  }),
}))
