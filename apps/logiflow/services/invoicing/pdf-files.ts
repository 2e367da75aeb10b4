import { createHash } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { InvoicePdf } from '../../contracts/payloads.ts'
import { pagesOf } from '../../domain/invoice/invoice-pdf.ts'
import { newId } from '../../platform/machine.ts'

/** Keeps PDFs in a folder, each under its content key, whole or not at all: written beside it, then renamed. */
export const pdfFiles =
  (folder: string) =>
  async (pdf: Buffer): Promise<InvoicePdf> => {
    const sha256 = createHash('sha256').update(pdf).digest('hex')
    const key = `${sha256}.pdf`
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const temporary = join(folder, `.${newId()}`)
    await writeFile(temporary, pdf, { mode: 0o600 })
    await rename(temporary, join(folder, key))
    return { key, sha256, bytes: pdf.length, pages: pagesOf(pdf) }
  }
