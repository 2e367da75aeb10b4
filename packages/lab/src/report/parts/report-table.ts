/** A table before it is text or HTML. */
export interface ReportTable {
  readonly title: string
  readonly columns: readonly ReportColumn[]
  readonly rows: readonly (readonly string[])[]
}

export interface ReportColumn {
  readonly title: string
  /** Figures stand at the right. */
  readonly align: 'left' | 'right'
}

export const words = (title: string): ReportColumn => ({ title, align: 'left' })
export const figures = (title: string): ReportColumn => ({ title, align: 'right' })
