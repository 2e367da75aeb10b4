/**
 * Starts all parts and resolves when all have ended. When one fails, the signal tells the others to end, and its error is
 * thrown after they have: nothing is left running behind an error.
 */
export async function together(
  signal: AbortSignal,
  parts: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  // Of several errors the first one counts: what ends because it was told to may say so with one of its own.
  await Promise.all(parts.map((part) => part(either).catch((error) => failed.abort(error))))
  failed.signal.throwIfAborted()
}
