/**
 * Resolves when nothing is left to run: no microtask, no `nextTurn`. Work of other threads and sockets is not seen.
 *
 * A tick runs only after the microtasks are drained, so a quiet loop costs a microsecond and no turn of the event loop.
 */
export async function untilQuiet(turnsMax: number = 100_000): Promise<boolean> {
  for (let turn = 0; turn < turnsMax; turn++) {
    await new Promise<void>((resolve) => process.nextTick(resolve))
    if (othersWaiting() === 0) return true
    await wholeTurn()
  }
  return false
}

// Turns awaited here are not work: two waits at once must not take each other for it.
let ownTurns = 0

function othersWaiting(): number {
  let count = -ownTurns
  for (const resource of process.getActiveResourcesInfo()) if (resource === 'Immediate') count++
  return count
}

/** One turn of the event loop: timers of the test runner and signals get their chance. */
export const wholeTurn = (): Promise<void> =>
  new Promise((resolve) => {
    ownTurns++
    setImmediate(() => {
      ownTurns--
      resolve()
    })
  })
