import { handleCases } from './database-conformance-handles.ts'
import { statementCases } from './database-conformance-statements.ts'
import { textCases } from './database-conformance-texts.ts'
import { unitCases } from './database-conformance-units.ts'
import { valueCases } from './database-conformance-values.ts'
import type { DatabaseCase } from './database-scene.ts'

/**
 * What every `Database` promises, as data: run each case with a harness of its own, on an empty database, under any test
 * runner. `conformanceReport` says which cases a backend is asked, and why it is not asked the others.
 */
export const databaseConformance: readonly DatabaseCase[] = [
  ...unitCases,
  ...statementCases,
  ...textCases,
  ...valueCases,
  ...handleCases,
]
