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
  return isPart ? 1 : distanceOf(typed.slice(0, 80), name)
}

// Edits of one character, a swap of neighbours counted as one.
function distanceOf(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const [before, last] = [rows[i - 2], rows[i - 1] ?? []]
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const edits = [(last[j - 1] ?? 0) + (isSame ? 0 : 1), (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1]
      if (isSwap) edits.push((before?.[j - 2] ?? 0) + 1)
      row.push(Math.min(...edits))
    }
    rows.push(row)
  }
  return rows[a.length]?.[b.length] ?? 0
}
