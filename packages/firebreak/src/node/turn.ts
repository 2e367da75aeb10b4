/**
 * Runs `run` after everything that is ready in this turn of the event loop: what arrives in one turn shares one commit.
 * It is scheduling, not time: virtual clocks leave it alone.
 */
export const nextTurn = (run: () => void): void => {
  setImmediate(run)
}
