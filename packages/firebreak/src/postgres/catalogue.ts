import type { Acting, Catalogue, Dependence, WrittenFunction } from './function-effects.ts'
import type { Link } from './link.ts'
import { sessionNames, settingNames } from './statement-effect.ts'

const functionsCompared = 50

const newest = (name: string): string => `(SELECT pg_catalog.max(oid) FROM pg_catalog.pg_${name})`
// Others may make temporary tables all the time, and nobody else reaches those.
const newestOf = (name: string, table: string): string => `(SELECT o.oid FROM pg_catalog.pg_${name} o
  WHERE (SELECT c.relpersistence FROM pg_catalog.pg_class c WHERE c.oid = o.${table}) IS DISTINCT FROM 't'
  ORDER BY o.oid DESC LIMIT 1)`

/**
 * What a statement asks for to know whether somebody has written functions, triggers, rules, policies, defaults or
 * constraints: a few looks into indexes. It knows the newest, and of those functions that are not many whether one was
 * replaced.
 */
export const catalogueVersion: string = `pg_catalog.concat_ws(' ',
  (SELECT pg_catalog.sum(xmin::text::bigint) FROM
    (SELECT xmin FROM pg_catalog.pg_proc WHERE oid >= 16384 ORDER BY oid DESC LIMIT ${functionsCompared}) AS latest),
  ${newest('proc')}, ${newest('trigger')}, ${newest('rewrite')}, ${newest('policy')},
  ${newestOf('attrdef', 'adrelid')}, ${newestOf('constraint', 'conrelid')})`

const changing = ['proc', 'trigger', 'rewrite', 'policy', 'attrdef', 'constraint', 'operator', 'cast']
const counted = changing.map(
  (name) => `(SELECT pg_catalog.concat(pg_catalog.count(*), '+', pg_catalog.sum(xmin::text::bigint))
    FROM pg_catalog.pg_${name} WHERE oid >= 16384)`,
)
/** Changes with every change of what is read here. */
const selectState = `SELECT pg_catalog.concat_ws(' ', ${counted.join(', ')},
  (SELECT pg_catalog.concat(pg_catalog.count(*), '+', pg_catalog.sum(pg_catalog.hashtext(relname::text)))
    FROM pg_catalog.pg_class WHERE oid >= 16384 AND relkind IN ('r', 'v', 'p', 'f') AND relpersistence <> 't'),
  (SELECT pg_catalog.sum(inhrelid::bigint + inhparent::bigint) FROM pg_catalog.pg_inherits))`

const selectFunctions = `SELECT p.oid::text, p.proname, l.lanname, p.prosrc
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  WHERE p.oid >= 16384 AND p.prokind <> 'a' AND l.lanname <> 'c'`

// As they are kept: to write them out as SQL again would wait for locks on their tables.
const selectDirect = `WITH acting AS (
    SELECT oid, CASE WHEN proname ~ '^(?:${settingNames})$' THEN 'settings' ELSE 'session' END AS effect
      FROM pg_catalog.pg_proc WHERE proname ~ '^(?:${settingNames}|${sessionNames})$'
    UNION ALL SELECT 'pg_catalog.pg_settings'::regclass::oid, 'settings'
  ), patterns AS (
    SELECT effect, ':(?:func|rel|opfunc)id (?:' || pg_catalog.string_agg(oid::text, '|') || ') ' AS pattern
      FROM acting GROUP BY effect
  ), trees (kind, oid, name, tree) AS (
    SELECT 'relation', c.oid, c.relname::text, pg_catalog.concat(r.ev_qual, r.ev_action)
      FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class WHERE r.oid >= 16384
    UNION ALL SELECT 'relation', c.oid, c.relname::text, d.adbin::text
      FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_class c ON c.oid = d.adrelid
    UNION ALL SELECT 'relation', c.oid, c.relname::text, pg_catalog.concat(p.polqual, p.polwithcheck)
      FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
    UNION ALL SELECT 'relation', c.oid, c.relname::text, t.tgqual::text
      FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid WHERE t.tgqual IS NOT NULL
    UNION ALL SELECT CASE WHEN k.contypid = 0 THEN 'relation' ELSE 'other' END, c.oid, c.relname::text, k.conbin::text
      FROM pg_catalog.pg_constraint k LEFT JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
      WHERE k.conbin IS NOT NULL AND k.oid >= 16384
    UNION ALL SELECT 'other', t.oid, t.typname::text, t.typdefaultbin::text
      FROM pg_catalog.pg_type t WHERE t.typdefaultbin IS NOT NULL
    UNION ALL SELECT 'function', p.oid, p.proname::text, pg_catalog.concat(p.proargdefaults, p.prosqlbody)
      FROM pg_catalog.pg_proc p WHERE p.oid >= 16384
    UNION ALL SELECT 'function', p.oid, p.proname::text, pg_catalog.concat(':funcid ', a.aggtransfn::oid, ' ')
      FROM pg_catalog.pg_aggregate a JOIN pg_catalog.pg_proc p ON p.oid = a.aggfnoid WHERE p.oid >= 16384
    UNION ALL SELECT 'other', o.oid, o.oprname::text, pg_catalog.concat(':funcid ', o.oprcode::oid, ' ')
      FROM pg_catalog.pg_operator o WHERE o.oid >= 16384
    UNION ALL SELECT 'other', k.oid, '', pg_catalog.concat(':funcid ', k.castfunc, ' ')
      FROM pg_catalog.pg_cast k WHERE k.oid >= 16384
  )
  SELECT kind, coalesce(oid, 0)::text, coalesce(name, ''), effect FROM trees JOIN patterns ON tree ~ pattern`

const written = (kind: 'proc' | 'class'): string => `d.refclassid = 'pg_catalog.pg_${kind}'::regclass`
const onFunctionOrRelation = `(${written('proc')} OR ${written('class')}) AND d.refobjid >= 16384`
const isOf = (name: string): string => `d.classid = 'pg_catalog.pg_${name}'::regclass`
const relation = (join: string): string => `SELECT 'relation', c.oid::text, c.relname::text, d.refobjid::text, false
  FROM pg_catalog.pg_depend d ${join} WHERE ${onFunctionOrRelation}`
const selectDependences = `
  SELECT 'relation', c.oid::text, c.relname::text, t.tgfoid::text, t.tgdeferrable
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal
  UNION ALL ${relation(`JOIN pg_catalog.pg_rewrite r ON ${isOf('rewrite')} AND r.oid = d.objid
    JOIN pg_catalog.pg_class c ON c.oid = r.ev_class`)}
  UNION ALL ${relation(`JOIN pg_catalog.pg_attrdef a ON ${isOf('attrdef')} AND a.oid = d.objid
    JOIN pg_catalog.pg_class c ON c.oid = a.adrelid`)}
  UNION ALL ${relation(`JOIN pg_catalog.pg_policy p ON ${isOf('policy')} AND p.oid = d.objid
    JOIN pg_catalog.pg_class c ON c.oid = p.polrelid`)}
  UNION ALL ${relation(`JOIN pg_catalog.pg_trigger t ON ${isOf('trigger')} AND t.oid = d.objid
    JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid`)}
  UNION ALL ${relation(`JOIN pg_catalog.pg_constraint k ON ${isOf('constraint')} AND k.oid = d.objid
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid`)}
  UNION ALL ${relation(`JOIN pg_catalog.pg_index i ON ${isOf('class')} AND i.indexrelid = d.objid
    JOIN pg_catalog.pg_class c ON c.oid = i.indrelid`)}
  UNION ALL SELECT 'relation', c.oid::text, c.relname::text, h.inhrelid::text, false
    FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class c ON c.oid = h.inhparent
  UNION ALL SELECT 'relation', c.oid::text, c.relname::text, k.conrelid::text, false
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.confrelid WHERE k.contype = 'f'
  UNION ALL SELECT 'function', f.oid::text, f.proname::text, d.refobjid::text, false
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc f ON ${isOf('proc')} AND f.oid = d.objid
    WHERE ${onFunctionOrRelation}
  UNION ALL SELECT 'other', '0', '', d.refobjid::text, false FROM pg_catalog.pg_depend d
    WHERE ${written('proc')} AND d.refobjid >= 16384
      AND (${['operator', 'cast', 'type', 'opclass', 'amproc', 'conversion'].map(isOf).join(' OR ')}
        OR EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k
          WHERE ${isOf('constraint')} AND k.oid = d.objid AND k.contypid <> 0))`

/** Changes with whatever `readCatalogue` reads. */
export async function readState(link: Link): Promise<string> {
  const [state] = await link.answers([{ text: selectState, values: [] }])
  return state?.rows[0]?.[0] ?? ''
}

/** As it is now, or was a moment before: `version` is asked for first. */
export async function readCatalogue(link: Link): Promise<Catalogue> {
  const texts = [`SELECT ${catalogueVersion}`, selectFunctions, selectDirect]
  const [version, functions, direct] = await link.answers(texts.map((text) => ({ text, values: [] })))
  const found = {
    version: version?.rows[0]?.[0] ?? '',
    functions: (functions?.rows ?? []).map(
      ([oid, name, language, body]) => ({ oid, name, language, body }) as WrittenFunction,
    ),
    direct: (direct?.rows ?? []).map(([kind, oid, name, effect]) => ({ kind, oid, name, effect }) as Acting),
  }
  // Many databases have nothing that could matter: then nothing is asked of what depends on it.
  if (found.functions.length === 0 && found.direct.length === 0) return { ...found, dependences: [] }
  const [dependent] = await link.answers([{ text: selectDependences, values: [] }])
  const dependences = (dependent?.rows ?? []).map(([kind, oid, name, on, deferred]) => {
    return { kind, oid, name, on, deferred: deferred === 't' } as Dependence
  })
  return { ...found, dependences }
}
