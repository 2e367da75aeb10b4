import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { FirebreakError } from '../../contracts/errors.ts'
import { choice, count, type OptionTable, optionProblems, shown } from '../../contracts/option.ts'
import { type Answer, type Ending, type Isolate, isolateEntry, type WireError } from './isolated-messages.ts'
import { processIsolate } from './process-isolate.ts'
import { threadIsolate } from './thread-isolate.ts'

export interface IsolatedOptions {
  /** A thread starts faster. Only a process survives what aborts it, such as a heap that is full at a bad moment. */
  readonly in: 'thread' | 'process'
  /** What it may use. Of a thread, its JavaScript heap alone; of a process all its memory, about 60 MB of Node included. */
  readonly memoryMb: number
}

export const isolatedOptions: OptionTable<IsolatedOptions> = {
  in: choice({
    choices: ['thread', 'process'],
    default: 'process',
    meaning: 'a thread starts faster, a process survives more',
  }),
  memoryMb: count('MiB', {
    least: 8,
    most: 65_536,
    meaning: 'memory of one call; above it the call fails, and nothing else',
  }),
}

/** Calls the function with a copy of `input`, and resolves to a copy of what it returns. `signal` ends it. */
export type Isolated<F extends (input: never) => unknown> = (
  input: Parameters<F>[0],
  options?: { readonly signal?: AbortSignal },
) => Promise<Awaited<ReturnType<F>>>

/**
 * Makes a function that runs the function `run` of a module in a thread or a process of its own, a new one for each call: work that
 * needs the processor for long keeps no event loop busy, and work that leaks or crashes takes nobody along.
 *
 * Its input and what it returns are copied, as by `structuredClone`. A start takes some 50 ms, so it is for work that takes longer.
 *
 * **Errors** `FB_CONFIG` at once for a wrong set-up. A call: what the function throws; `FB_ISOLATED_MEMORY`, `FB_ISOLATED_ENDED`, which
 * a retry may heal; the reason of `signal`.
 *
 * @example
 * ```ts
 * import { handle, isolated, job } from 'firebreak'
 * import { z } from 'zod'
 *
 * const Render = job({ type: 'statement.render', schema: z.object({ customer: z.string() }), concurrency: 2 })
 * type Draw = (input: { readonly customer: string }) => Uint8Array
 * // The module exports it under the name run, and imports no more than it needs.
 * const draw = isolated<Draw>(new URL('./draw.js', import.meta.url), { in: 'process', memoryMb: 512 })
 *
 * export const render = handle(Render, async ({ customer }, ctx) => {
 *   const pdf = await draw({ customer }, { signal: ctx.signal })
 *   await ctx.transaction((tx) => tx.query('INSERT INTO statements VALUES ($1, $2)', [customer, pdf]))
 * })
 * ```
 */
export function isolated<F extends (input: never) => unknown>(module: URL, options: IsolatedOptions): Isolated<F> {
  const problems = [...optionProblems(isolatedOptions, options ?? {}, 'isolated: ')]
  if (!(module instanceof URL))
    problems.push(`isolated: the module must be new URL('./file.js', import.meta.url), not ${shown(module)}`)
  if (!existsSync(isolateEntry))
    problems.push(
      `isolated: ${fileURLToPath(isolateEntry)} does not exist: a bundler must leave firebreak outside of its bundle`,
    )
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const { in: place, memoryMb } = options
  const open = place === 'thread' ? threadIsolate : processIsolate
  return (input, { signal } = {}) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      let isOver = false
      const over = (settle: () => void): void => {
        if (isOver) return
        isOver = true
        signal?.removeEventListener('abort', aborted)
        isolate.end()
        settle()
      }
      const aborted = (): void => over(() => reject(signal?.reason))
      const answered = (answer: Answer): void =>
        over(() =>
          'value' in answer ? resolve(answer.value as Awaited<ReturnType<F>>) : reject(errorOf(answer.failed)),
        )
      const ended = (ending: Ending): void => over(() => reject(endedBy(ending, module, memoryMb)))
      const isolate: Isolate = open(memoryMb, { answered, ended })
      signal?.addEventListener('abort', aborted, { once: true })
      try {
        isolate.ask({ module: module.href, input })
      } catch (error) {
        // It cannot be copied.
        over(() => reject(error))
      }
    })
}

function endedBy(ending: Ending, { href }: URL, memoryMb: number): FirebreakError {
  const module = href.slice(href.lastIndexOf('/') + 1)
  if (ending.kind === 'memory') return new FirebreakError('FB_ISOLATED_MEMORY', { module, memoryMb })
  return new FirebreakError('FB_ISOLATED_ENDED', { module, how: ending.how })
}

function errorOf(wire: WireError): Error {
  if ('code' in wire) return new FirebreakError(wire.code, wire.detail)
  const error = new Error(wire.message)
  error.name = wire.name
  if (wire.stack !== '') error.stack = wire.stack
  return error
}
