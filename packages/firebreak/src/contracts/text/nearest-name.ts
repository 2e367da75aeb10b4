/** What somebody probably meant: the nearest of `known`, unless none is near. */
export function nearestName(typed: string, known: Iterable<string>): string | undefined {
  let best: { readonly name: string; readonly distance: number } | undefined
  for (const name of known) {
    const distance = closeness(typed.toLowerCase(), name.toLowerCase())
    const isNear = distance <= Math.max(1, Math.floor(name.length / 3))
    if (isNear && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { name, distance }
  }
  return best?.name
}

function closeness(typed: string, name: string): number {
  if (typed === name) return 0
  const isPart = typed.length >= 3 && (name.startsWith(typed) || typed.startsWith(name))
  return isPart ? 1 : editDistance(typed.slice(0, 80), name)
}

// Edits of one character between two words; a swap of two neighbours, the most frequent slip, counts as one.
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
