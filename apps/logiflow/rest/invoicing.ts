import { routeCalculated } from '../contracts/payloads.ts'
import { renderInvoicePdf } from '../domain/invoice/invoice-pdf.ts'
import { renderInvoicePdf as renderLeaking } from '../domain/invoice/invoice-pdf-leaky.ts'
import { pdfDirOf } from '../platform/engines.ts'
import { env, newId } from '../platform/machine.ts'
import { draftInvoice, type InvoicingOptions, saveInvoice } from '../services/invoicing/issue.ts'
import { pdfFiles } from '../services/invoicing/pdf-files.ts'
import { invoicingTables } from '../services/invoicing/store.ts'
import { runRest } from './rest-process.ts'

/** One PDF at a time, as in the event wiring. */
let last: Promise<unknown> = Promise.resolve()
const inLine = <T>(work: () => Promise<T>): Promise<T> => {
  const result = last.then(work)
  last = result.catch(() => undefined)
  return result
}

await runRest('invoicing', invoicingTables, ({ pool, engines }) => {
  const render = env('LOGIFLOW_PDF') === 'leaky' ? renderLeaking : renderInvoicePdf
  const options: InvoicingOptions = { render, keep: pdfFiles(pdfDirOf(engines)) }
  return {
    'POST /invoices': async (request) => {
      const route = routeCalculated.parse(await request.json())
      const draft = await pool.use((database) =>
        inLine(async () => {
          const drafted = await draftInvoice(database, { billingKey: newId(), route }, options)
          await database.transaction((sql) => saveInvoice(sql, drafted))
          return drafted
        }),
      )
      return { status: 201, json: { invoiceNumber: draft.invoice.invoiceNumber } }
    },
  }
})
