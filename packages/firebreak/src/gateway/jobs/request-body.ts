import type { Clock } from '../../contracts/clock.ts'
import { type ProblemAnswer, problemAnswer } from '../problem.ts'

export interface BodyLimits {
  readonly bytesMax: number
  readonly timeoutMs: number
}

/** The whole body, in bytes and as a value. */
export interface JsonBody {
  readonly bytes: Uint8Array
  readonly value: unknown
}

/** Reads a body of JSON: no more of it than `bytesMax`, and for no longer than `timeoutMs`. */
export async function readJson(request: Request, clock: Clock, limits: BodyLimits): Promise<JsonBody | ProblemAnswer> {
  const bytes = await readBytes(request, clock, limits)
  if (!(bytes instanceof Uint8Array)) return bytes
  try {
    return { bytes, value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) }
  } catch {
    return problemAnswer(400, 'the body is not JSON in UTF-8')
  }
}

async function readBytes(
  { headers, body }: Request,
  clock: Clock,
  { bytesMax, timeoutMs }: BodyLimits,
): Promise<Uint8Array | ProblemAnswer> {
  const tooLarge = (): ProblemAnswer => problemAnswer(413, `the body has more than ${bytesMax} bytes`)
  if (Number(headers.get('content-length')) > bytesMax) return tooLarge()
  if (body === null) return new Uint8Array()
  const reader = body.getReader()
  const late = Promise.withResolvers<'late'>()
  const timer = clock.schedule(timeoutMs, () => late.resolve('late'))
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    while (true) {
      const next = await Promise.race([reader.read(), late.promise])
      if (next === 'late') return problemAnswer(408, `the body did not come within ${timeoutMs} ms`)
      if (next.done) return Buffer.concat(chunks, size)
      size += next.value.byteLength
      if (size > bytesMax) return tooLarge()
      chunks.push(next.value)
    }
  } catch {
    return problemAnswer(400, 'the body could not be read')
  } finally {
    timer.cancel()
    // What has not come is not wanted. That it cannot be cancelled either is nobody's concern.
    reader.cancel().catch(() => undefined)
  }
}
