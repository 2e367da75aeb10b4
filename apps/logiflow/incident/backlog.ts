/** Records that are not finished, by service. */
export type Waiting = Readonly<Record<string, number>>

export const recordsIn = (waiting: Waiting): number => Object.values(waiting).reduce((total, count) => total + count, 0)

/** What was seen of the invoices that wait: how many, how many at most, and how long the repaired service took for them. */
export class Backlog {
  invoices = 0
  invoicesPeak = 0
  /** From the repair until all but the last had gone; null before that. */
  drainMs: number | null = null

  /** `repairedAtMs`: null before the repair. Returns what all services together have not finished. */
  add(waiting: Waiting, atMs: number, repairedAtMs: number | null): number {
    this.invoices = waiting['invoicing'] ?? 0
    this.invoicesPeak = Math.max(this.invoicesPeak, this.invoices)
    if (repairedAtMs !== null && this.invoices <= 1) this.drainMs ??= Math.round(atMs - repairedAtMs)
    return recordsIn(waiting)
  }
}
