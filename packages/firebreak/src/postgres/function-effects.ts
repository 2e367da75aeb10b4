import type { Link } from './link.ts'
import { effectOfBody, effectOfText, larger, type StatementEffect } from './statement-effect.ts'

/** A function that somebody has written, as the catalogue keeps it. */
export interface WrittenFunction {
  readonly oid: string
  readonly name: string
  readonly language: string
  readonly body: string
}

/** A table, view or function that runs another function, or reads or fills another table, without naming it in a statement. */
export interface Dependence {
  readonly kind: 'function' | 'relation' | 'other'
  readonly oid: string
  readonly name: string
  readonly on: string
}

const textsMax = 2000
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
  /** Somebody has written functions, whatever they do. */
  readonly hasFunctions: boolean
  readonly #byName: ReadonlyMap<string, StatementEffect>
  /** Names that a text does not hold as one word. */
  readonly #odd: readonly (readonly [name: string, effect: StatementEffect])[]
  /** Something without a name that could be looked for, such as an operator, leads to one of them. */
  readonly #anything: boolean
  readonly #texts = new Map<string, StatementEffect>()

  constructor(version: string, functions: readonly WrittenFunction[], dependences: readonly Dependence[]) {
    this.version = version
    this.hasFunctions = functions.length > 0
    const { names, anything } = spread(functions, dependences)
    this.#anything = anything
    this.#byName = new Map([...names].filter(([name]) => plainName.test(name)))
    this.#odd = [...names].filter(([name]) => !plainName.test(name))
  }

  of(text: string): StatementEffect {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    const effect = this.#anything ? 'session' : larger(effectOfText(text), this.#named(text))
    // Statements are few and constant, or there is no use in keeping them.
    if (this.#texts.size >= textsMax) this.#texts.clear()
    this.#texts.set(text, effect)
    return effect
  }

  #named(text: string): StatementEffect {
    return namedIn(text, this.#byName, this.#odd)
  }
}

function namedIn(
  text: string,
  byName: ReadonlyMap<string, StatementEffect>,
  odd: readonly (readonly [string, StatementEffect])[],
): StatementEffect {
  let effect: StatementEffect = 'none'
  if (byName.size > 0) {
    for (const [word] of text.matchAll(words))
      effect = larger(effect, larger(byName.get(word) ?? 'none', byName.get(word.toLowerCase()) ?? 'none'))
  }
  for (const [name, its] of odd) if (text.includes(name)) effect = larger(effect, its)
  return effect
}

const readable: ReadonlySet<string> = new Set(['sql', 'plpgsql'])

/** Everything that leads to a function which does more than read and write rows, by name. */
function spread(
  functions: readonly WrittenFunction[],
  dependences: readonly Dependence[],
): { names: ReadonlyMap<string, StatementEffect>; anything: boolean } {
  const names = new Map<string, StatementEffect>()
  const byOid = new Map<string, StatementEffect>()
  let anything = false
  let changed = true
  const raise = (oid: string, name: string, effect: StatementEffect): void => {
    if (larger(byOid.get(oid) ?? 'none', effect) !== (byOid.get(oid) ?? 'none')) changed = true
    byOid.set(oid, larger(byOid.get(oid) ?? 'none', effect))
    names.set(name, larger(names.get(name) ?? 'none', effect))
  }
  for (const { oid, name, language, body } of functions) {
    const effect = readable.has(language) ? effectOfBody(body) : 'session'
    if (effect !== 'none') raise(oid, name, effect)
  }
  while (changed && names.size > 0) {
    changed = false
    for (const { kind, oid, name, on } of dependences) {
      const effect = byOid.get(on)
      if (effect === undefined) continue
      if (kind === 'other') anything = true
      else raise(oid, name, effect)
    }
    const odd = [...names].filter(([name]) => !plainName.test(name))
    for (const { oid, name, body } of functions) {
      const effect = namedIn(body, names, odd)
      if (effect !== 'none') raise(oid, name, effect)
    }
  }
  return { names, anything }
}

/** What a statement asks for to know whether the catalogue has got new functions or triggers: two looks into indexes. */
export const catalogueVersion =
  "(SELECT max(oid) FROM pg_catalog.pg_proc) || ' ' || coalesce((SELECT max(oid) FROM pg_catalog.pg_trigger), 0)"

const systemSchemas = "('pg_catalog', 'information_schema')"
const selectFunctions = `SELECT p.oid::text, p.proname, l.lanname,
    CASE WHEN p.prosqlbody IS NULL THEN p.prosrc ELSE pg_catalog.pg_get_function_sqlbody(p.oid) END, ${catalogueVersion}
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname NOT IN ${systemSchemas} AND l.lanname NOT IN ('c', 'internal')`
const relation = (on: string): string =>
  `SELECT 'relation', c.oid::text, c.relname::text, d.refobjid::text FROM pg_catalog.pg_depend d ${on}`
const onFunctionOrRelation =
  "d.refclassid IN ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_class'::regclass) AND d.refobjid >= 16384"
const selectDependences = `
  SELECT 'relation', c.oid::text, c.relname::text, t.tgfoid::text
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal
  UNION ALL ${relation(`JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = d.objid
    JOIN pg_catalog.pg_class c ON c.oid = r.ev_class WHERE ${onFunctionOrRelation}`)}
  UNION ALL ${relation(`JOIN pg_catalog.pg_attrdef a ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND a.oid = d.objid
    JOIN pg_catalog.pg_class c ON c.oid = a.adrelid WHERE ${onFunctionOrRelation}`)}
  UNION ALL ${relation(`JOIN pg_catalog.pg_policy p ON d.classid = 'pg_catalog.pg_policy'::regclass AND p.oid = d.objid
    JOIN pg_catalog.pg_class c ON c.oid = p.polrelid WHERE ${onFunctionOrRelation}`)}
  UNION ALL ${relation(`JOIN pg_catalog.pg_constraint k ON d.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = d.objid
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid WHERE ${onFunctionOrRelation}`)}
  UNION ALL ${relation(`JOIN pg_catalog.pg_index i ON d.classid = 'pg_catalog.pg_class'::regclass AND i.indexrelid = d.objid
    JOIN pg_catalog.pg_class c ON c.oid = i.indrelid WHERE ${onFunctionOrRelation}`)}
  UNION ALL SELECT 'relation', c.oid::text, c.relname::text, h.inhrelid::text
    FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class c ON c.oid = h.inhparent
  UNION ALL SELECT 'relation', c.oid::text, c.relname::text, k.conrelid::text
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.confrelid WHERE k.contype = 'f'
  UNION ALL SELECT 'function', f.oid::text, f.proname::text, d.refobjid::text
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc f ON d.classid = 'pg_catalog.pg_proc'::regclass AND f.oid = d.objid
    WHERE d.refclassid = 'pg_catalog.pg_proc'::regclass AND d.refobjid >= 16384
  UNION ALL SELECT 'other', '0', '', d.refobjid::text FROM pg_catalog.pg_depend d
    WHERE d.refclassid = 'pg_catalog.pg_proc'::regclass AND d.refobjid >= 16384
      AND (d.classid IN ('pg_catalog.pg_operator'::regclass, 'pg_catalog.pg_cast'::regclass, 'pg_catalog.pg_type'::regclass,
        'pg_catalog.pg_opclass'::regclass, 'pg_catalog.pg_amproc'::regclass, 'pg_catalog.pg_conversion'::regclass)
      OR EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k
        WHERE d.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = d.objid AND k.contypid <> 0))`

/** Reads them as they are now. */
export async function readFunctionEffects(link: Link): Promise<FunctionEffects> {
  const [functions, version] = await link.answers([
    { text: selectFunctions, values: [] },
    { text: `SELECT ${catalogueVersion}`, values: [] },
  ])
  const written = (functions?.rows ?? []).map(
    ([oid, name, language, body]): WrittenFunction => ({
      oid: oid ?? '',
      name: name ?? '',
      language: language ?? '',
      body: body ?? '',
    }),
  )
  // Most databases have none that matter: then nothing is asked of what depends on them.
  const matters = written.some(({ language, body }) => !readable.has(language) || effectOfBody(body) !== 'none')
  const [found] = matters ? await link.answers([{ text: selectDependences, values: [] }]) : []
  const dependences = (found?.rows ?? []).map(([kind, oid, name, on]): Dependence => {
    return { kind: kind as Dependence['kind'], oid: oid ?? '', name: name ?? '', on: on ?? '' }
  })
  return new FunctionEffects(version?.rows[0]?.[0] ?? '', written, dependences)
}
