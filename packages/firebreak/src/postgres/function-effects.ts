import { effectOfBody, effectOfText, larger, type StatementEffect } from './statement-effect.ts'

/** What of the catalogue can run code without being named in a statement, at one time. */
export interface Catalogue {
  /** Of the newest functions, triggers, rules and policies. */
  readonly version: string
  readonly functions: readonly WrittenFunction[]
  /** What a default, a view, a policy and the like do by functions of the server itself. */
  readonly direct: readonly Acting[]
  readonly dependences: readonly Dependence[]
}

/** A function that somebody has written. */
export interface WrittenFunction {
  readonly oid: string
  readonly name: string
  readonly language: string
  readonly body: string
}

/** By what a statement reaches it: the name of a function or of a table or view; or anything, such as an operator. */
interface Reached {
  readonly kind: 'function' | 'relation' | 'other'
  readonly oid: string
  readonly name: string
}

export interface Acting extends Reached {
  readonly effect: StatementEffect
}

/** It runs another function, or reads or fills another table. `deferred`: at the end of the transaction. */
export interface Dependence extends Reached {
  readonly on: string
  readonly deferred: boolean
}

const textsMax = 2000
// Longer ones are put together, and none comes twice.
const textKeptMax = 10_000
const plainName = /^[\p{L}_][\p{L}\p{N}_$]*$/u
const words = /[\p{L}_][\p{L}\p{N}_$]*/gu

/**
 * What statements can leave behind, with the functions of one database in mind: one that is named, and one that a trigger,
 * a rule, a default, a policy or another function runs without its name being there.
 *
 * I1 A statement is `none` only when nothing that it can reach is known to do more: what cannot be read counts as `session`.
 * I2 `version` is that of the catalogue it was read from; a newer one has to be read before its statements are judged.
 */
export class FunctionEffects {
  readonly version: string
  readonly #names: Names
  /** Of something without a name that could be looked for, such as an operator. */
  readonly #anything: StatementEffect
  /** What runs at the end of the transaction would not find the settings of its unit, unless the unit is alone in it. */
  readonly #defers: boolean
  readonly #texts = new Map<string, StatementEffect>()

  constructor({ version, ...catalogue }: Catalogue) {
    this.version = version
    const { names, anything } = spread(catalogue)
    this.#anything = anything
    this.#names = new Names(names)
    this.#defers = catalogue.dependences.some(({ deferred }) => deferred)
  }

  of(text: string): StatementEffect {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    const own = larger(this.#anything, larger(effectOfText(text), this.#names.in(text)))
    const effect = own === 'settings' && this.#defers ? 'session' : own
    if (text.length > textKeptMax) return effect
    // Statements are few and constant, or there is no use in keeping them.
    if (this.#texts.size >= textsMax) this.#texts.clear()
    this.#texts.set(text, effect)
    return effect
  }
}

/** Names with effects, as they are looked for in a text. */
class Names {
  readonly #plain = new Map<string, StatementEffect>()
  /** Those that a text does not hold as one word. */
  readonly #odd: [name: string, effect: StatementEffect][] = []

  constructor(names: ReadonlyMap<string, StatementEffect>) {
    for (const [name, effect] of names) {
      if (plainName.test(name)) this.#plain.set(name, effect)
      else this.#odd.push([name.replaceAll('"', '""'), effect])
    }
  }

  in(text: string): StatementEffect {
    let effect: StatementEffect = 'none'
    if (this.#plain.size > 0) for (const [word] of text.matchAll(words)) effect = larger(effect, this.#of(word))
    for (const [name, its] of this.#odd) if (text.includes(name)) effect = larger(effect, its)
    return effect
  }

  #of(word: string): StatementEffect {
    const name = word.length > nameBytesMax / 4 ? cutName(word) : word
    const lower = name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
    return larger(this.#plain.get(name) ?? 'none', this.#plain.get(lower) ?? 'none')
  }
}

const nameBytesMax = 63

/** The server cuts a name that is too long, and folds the letters of ASCII alone. */
function cutName(name: string): string {
  const bytes = new TextEncoder().encode(name)
  if (bytes.length <= nameBytesMax) return name
  return new TextDecoder().decode(bytes.subarray(0, nameBytesMax)).replace(/\ufffd+$/, '')
}

const readable: ReadonlySet<string> = new Set(['sql', 'plpgsql'])
const unreadable = { effect: 'session', onAny: false } as const

/** Everything that leads to a function which does more than read and write rows, by name. */
function spread({ functions, direct, dependences }: Omit<Catalogue, 'version'>): {
  names: ReadonlyMap<string, StatementEffect>
  anything: StatementEffect
} {
  const names = new Map<string, StatementEffect>()
  const byOid = new Map<string, StatementEffect>()
  let anything: StatementEffect = 'none'
  let changed = true
  const raise = ({ kind, oid, name }: Reached, effect: StatementEffect): void => {
    if (kind === 'other') {
      anything = larger(anything, effect)
      return
    }
    const known = byOid.get(oid) ?? 'none'
    if (larger(known, effect) === known) return
    changed = true
    byOid.set(oid, effect)
    names.set(name, larger(names.get(name) ?? 'none', effect))
  }
  const bodies = functions.map(({ oid, name, language, body }) => {
    const { effect, onAny } = readable.has(language) ? effectOfBody(body) : unreadable
    const reached: Reached = { kind: 'function', oid, name }
    raise(reached, effect)
    return { reached, body, onAny }
  })
  for (const one of direct) raise(one, one.effect)
  while (changed) {
    changed = false
    for (const one of dependences) {
      const effect = byOid.get(one.on) ?? 'none'
      if (effect !== 'none') raise(one, one.deferred ? 'session' : effect)
    }
    const [known, largest] = [new Names(names), [...names.values()].reduce(larger, 'none')]
    for (const { reached, body, onAny } of bodies) raise(reached, onAny ? largest : known.in(body))
  }
  return { names, anything }
}
