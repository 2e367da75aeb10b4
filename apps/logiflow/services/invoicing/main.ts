import { renderInvoicePdf } from '../../domain/invoice/invoice-pdf.ts'
import { renderInvoicePdf as renderLeaking } from '../../domain/invoice/invoice-pdf-leaky.ts'
import { pdfDirOf } from '../../platform/engines.ts'
import { env } from '../../platform/machine.ts'
import { runService } from '../../platform/service-process.ts'
import { invoicingService } from './handlers.ts'
import { pdfFiles } from './pdf-files.ts'
import { invoicingTables } from './store.ts'

await runService({
  name: 'invoicing',
  service: ({ engines }, database) =>
    invoicingService({
      database: () => database,
      keep: pdfFiles(pdfDirOf(engines)),
      render: env('LOGIFLOW_PDF') === 'leaky' ? renderLeaking : renderInvoicePdf,
    }),
  tables: invoicingTables,
})
