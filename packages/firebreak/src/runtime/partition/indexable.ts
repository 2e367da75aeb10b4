import { storable } from '../../contracts/text/storable.ts'
import { sha256 } from '../../node/digest.ts'

const charsMax = 512

/**
 * Text of others, as every database can keep it in an index: an entry of PostgreSQL's ends at 2.7 KB, and a longer one would
 * fail at every try. Short text stays as it is; the `!` before a digest is for callers whose own text never starts so.
 */
export function indexable(text: string): string {
  const kept = storable(text)
  return kept.length <= charsMax ? kept : `!${sha256(kept)}`
}
