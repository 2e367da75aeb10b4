const shownLeast = 18

/** Beginnings of ids, as short as they can be without two of them sharing one. */
export function shortIds(ids: readonly string[]): readonly string[] {
  // The first 18 characters of a version 7 UUID are its time and 12 bits more.
  for (let length = shownLeast; length < 36; length++) {
    const short = ids.map((id) => id.slice(0, length))
    if (new Set(short).size === new Set(ids).size) return short
  }
  return ids
}
