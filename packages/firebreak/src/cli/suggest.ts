/** What somebody probably meant: the nearest of `known`, unless none is near. */
export function nearest(typed: string, known: readonly string[]): string | undefined {
  let best: { readonly word: string; readonly distance: number } | undefined
  for (const word of known) {
    const distance = word.startsWith(typed) && typed.length >= 2 ? 1 : editDistance(typed, word)
    if (distance <= Math.max(1, Math.ceil(word.length / 3)) && distance < (best?.distance ?? Number.POSITIVE_INFINITY))
      best = { word, distance }
  }
  return best?.word
}

/** ` Did you mean "replay"?`, or nothing. */
export function didYouMean(typed: string, known: readonly string[], prefix = ''): string {
  const word = nearest(typed, known)
  return word === undefined ? '' : ` Did you mean "${prefix}${word}"?`
}

// Optimal string alignment: a swap of two neighbours is the most frequent slip and counts as one.
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let least = Math.min(change, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1)
      row.push(least)
    }
    before = last
    last = row
  }
  return last[b.length] ?? 0
}
