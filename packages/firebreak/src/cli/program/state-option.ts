import { usageError } from './exit.ts'
import { didYouMean } from './suggest.ts'

/** The state that `--state` names, undefined for all. **Errors** a usage error for a word that is none of them. */
export function stateNamed<S extends string>(typed: string, states: readonly S[]): S | undefined {
  const state = states.find((known) => known === typed)
  if (state !== undefined || typed === 'all') return state
  throw usageError(
    `There is no state "${typed}".${didYouMean(typed, [...states, 'all'])}`,
    `Use ${states.join(', ')} or all.`,
  )
}
