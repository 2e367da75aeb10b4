import { parseArgs } from 'node:util'
import { usageError } from './exit.ts'
import { didYouMean } from './suggest.ts'

/** An option of a command. One name means the same in every command. */
export interface OptionSpec {
  /** Takes a value, shown as `--name <value>`; without it the option is a flag. */
  readonly value?: string
  readonly short?: string
  readonly many?: boolean
  readonly help: string
}

/** Options that every command takes. */
export const globalOptions: Readonly<Record<string, OptionSpec>> = {
  config: { value: 'file', help: 'config file; default: firebreak.config.ts here or in a folder above' },
  json: { help: 'one JSON document on stdout instead of text' },
  'no-color': { help: 'no colours' },
  help: { short: 'h', help: 'this page' },
  version: { help: 'the version of firebreak' },
}

/** What was typed, checked against the options of the program. */
export interface Arguments {
  readonly operands: readonly string[]
  readonly names: readonly string[]
  flag(name: string): boolean
  text(name: string): string | undefined
  texts(name: string): readonly string[]
  /** A whole number from `least` on. **Errors** a usage error. */
  count(name: string, least?: number): number | undefined
}

/** Reads a command line. **Errors** a usage error for an unknown option, a missing value or a value too many. */
export function readArguments(argv: readonly string[], specs: Readonly<Record<string, OptionSpec>>): Arguments {
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      {
        type: spec.value === undefined ? ('boolean' as const) : ('string' as const),
        ...(spec.short === undefined ? {} : { short: spec.short }),
      },
    ]),
  )
  const { tokens, positionals } = parseArgs({
    args: [...argv],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const found = new Map<string, string[]>()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    found.set(token.name, [...(found.get(token.name) ?? []), checked(token, specs)])
  }
  return argumentsOf(found, positionals)
}

interface OptionToken {
  readonly name: string
  readonly rawName: string
  readonly value?: string | undefined
  readonly inlineValue?: boolean | undefined
}

function checked(token: OptionToken, specs: Readonly<Record<string, OptionSpec>>): string {
  const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined
  if (spec === undefined) {
    throw usageError(`There is no option ${token.rawName}.${didYouMean(token.name, Object.keys(specs), '--')}`)
  }
  if (spec.value === undefined) {
    if (token.value !== undefined) throw usageError(`${token.rawName} takes no value.`)
    return ''
  }
  // `--type --json` is a forgotten value far more often than a type called "--json".
  const swallowed = token.inlineValue !== true && /^-./.test(token.value ?? '')
  if (token.value === undefined || token.value === '' || swallowed) {
    throw usageError(
      `${token.rawName} needs a value: ${token.rawName} <${spec.value}>`,
      swallowed ? `If "${token.value}" is the value, write ${token.rawName}=${token.value}` : undefined,
    )
  }
  return token.value
}

function argumentsOf(found: ReadonlyMap<string, readonly string[]>, operands: readonly string[]): Arguments {
  return {
    operands,
    names: [...found.keys()],
    flag: (name) => found.has(name),
    text: (name) => found.get(name)?.at(-1),
    texts: (name) => found.get(name) ?? [],
    count(name, least = 1) {
      const typed = found.get(name)?.at(-1)
      if (typed === undefined) return undefined
      const number = Number(typed)
      if (!/^\d+$/.test(typed) || !Number.isSafeInteger(number) || number < least) {
        throw usageError(`--${name} must be a whole number from ${least} on, not "${typed}".`)
      }
      return number
    },
  }
}
