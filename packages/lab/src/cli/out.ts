/** What `--out` may be, and which self-checks of a run failed. */

import { extname } from 'node:path'
import { usageError } from 'firebreak/internal'
import type { LabResult } from '../model/result.ts'

/** How `--out` is written: by its extension, one of those that the command knows. **Errors** a usage error for another. */
export function formatOf<F extends string>(out: string | undefined, formats: readonly F[]): F | undefined {
  if (out === undefined) return undefined
  const found = formats.find((format) => format === extname(out))
  if (found === undefined) throw usageError(`--out must end in ${formats.join(' or ')}: "${out}" does not.`)
  return found
}

/** Names of the self-checks of a run that failed. */
export const failedChecks = ({ checks }: LabResult): readonly string[] =>
  Object.entries(checks).flatMap(([name, { ok }]) => (ok ? [] : [name]))
