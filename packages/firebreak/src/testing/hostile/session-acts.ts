import { sleep } from '../../contracts/clock.ts'
import { type Act, actsOf, type Setting, unit } from './act.ts'

const { done, letter, either } = actsOf('session', 'postgres')

type Command = readonly [name: string, text: string]

/** Settings of the session or the transaction: they end with the unit, however they were made. */
const settings: readonly Command[] = [
  ['sets-a-tenant', "SET app.tenant = 'foreign'"],
  ['sets-a-local-tenant', "SET LOCAL app.tenant = 'foreign'"],
  ['configures-a-tenant', "SELECT set_config('app.tenant', 'foreign', false)"],
  ['configures-a-local-tenant', "SELECT set_config('app.tenant', 'foreign', true)"],
  ['sets-the-search-path', 'SET search_path = hostile_elsewhere'],
  ['sets-a-local-search-path', 'SET LOCAL search_path = hostile_elsewhere'],
  ['configures-the-search-path', "SELECT set_config('search_path', 'hostile_elsewhere', false)"],
  ['sets-its-role', 'SET ROLE pg_read_all_data'],
  ['sets-its-local-role', 'SET LOCAL ROLE pg_read_all_data'],
  ['becomes-somebody-else', 'SET SESSION AUTHORIZATION pg_read_all_data'],
  ['sets-its-transaction-read-only', 'SET TRANSACTION READ ONLY'],
  ['sets-a-local-read-only', 'SET LOCAL transaction_read_only = on'],
  ['sets-its-session-read-only', 'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY'],
  ['sets-the-time-zone', "SET timezone = 'Asia/Kathmandu'"],
  ['sets-the-form-of-dates', "SET datestyle = 'German'"],
  ['sets-the-form-of-bytes', "SET bytea_output = 'escape'"],
  ['sets-a-short-time-for-statements', "SET statement_timeout = '1ms'"],
  ['sets-a-short-time-for-locks', "SET LOCAL lock_timeout = '1ms'"],
  ['sets-a-short-time-between-statements', "SET idle_in_transaction_session_timeout = '20ms'"],
  ['sets-the-replication-role', 'SET session_replication_role = replica'],
  ['defers-constraints', 'SET CONSTRAINTS ALL IMMEDIATE'],
  ['resets-everything', 'RESET ALL'],
  ['discards-plans', 'DISCARD PLANS'],
  ['discards-temporary-tables', 'DISCARD TEMP'],
  ['discards-sequences', 'DISCARD SEQUENCES'],
  ['forgets-all-statements', 'DEALLOCATE ALL'],
  ['listens', 'LISTEN hostile'],
  ['notifies', "NOTIFY hostile, 'somebody'"],
  ['takes-an-advisory-lock', 'SELECT pg_advisory_lock(4711)'],
  ['tries-an-advisory-lock', 'SELECT pg_try_advisory_lock(4711)'],
  ['takes-an-advisory-lock-of-its-transaction', 'SELECT pg_advisory_xact_lock(4712)'],
]

/** What others stumble over: a second of the same name, or one that is there and should not be. */
const things: readonly Command[] = [
  ['makes-a-temporary-table', 'CREATE TEMPORARY TABLE hostile_temporary (n bigint) ON COMMIT DROP'],
  ['makes-a-temporary-table-that-stays', 'CREATE TEMPORARY TABLE hostile_staying (n bigint)'],
  ['shadows-a-table', 'CREATE TEMPORARY TABLE hostile_trespasses (what text)'],
  ['declares-a-cursor', 'DECLARE hostile_cursor CURSOR FOR SELECT 1'],
  ['declares-a-cursor-that-stays', 'DECLARE hostile_held CURSOR WITH HOLD FOR SELECT 1'],
  ['prepares-a-statement', 'PREPARE hostile_prepared AS SELECT 1'],
]

/** Cannot be inside of a transaction, or fails by itself. */
const refused: readonly Command[] = [
  ['discards-all', 'DISCARD ALL'],
  ['vacuums-a-table', 'VACUUM hostile_rows'],
  ['reads-before-it-sets-its-isolation', 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE'],
  ['copies-from-nowhere', 'COPY hostile_rows FROM STDIN'],
  ['cancels-its-own-statement', 'SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(5)'],
]

/** States that the server uses for itself, here raised by a function of the user's own. */
const states = [
  '25006',
  '28P01',
  'XX001',
  '40001',
  '40P01',
  '57P01',
  '53100',
  '53300',
  '57014',
  '0A000',
  '25P03',
  '08006',
]

const command = (text: string) => (setting: Setting) => unit(setting, (sql) => sql.query(text))
const inFunction = (text: string) => (setting: Setting) =>
  unit(setting, (sql) => sql.query('SELECT hostile_do($1)', [text]))
const inTrigger = (text: string) => (setting: Setting) =>
  unit(setting, (sql) => sql.query('INSERT INTO hostile_commands (command) VALUES ($1)', [text]))

/** As text, and where no text shows it. */
const everyWay = ([name, text]: Command): readonly Act[] => [
  either(name, command(text)),
  either(`${name}-in-a-function`, inFunction(text)),
  either(`${name}-in-a-trigger`, inTrigger(text)),
]

/** What units do to the session and the transaction that they share with others on PostgreSQL, as text and where no text shows it. */
export const sessionActs: readonly Act[] = [
  ...settings.flatMap(everyWay),
  ...things.flatMap(everyWay),
  ...refused.map(([name, text]) => letter(name, command(text))),
  ...states.flatMap((state) => [
    letter(`raises-${state.toLowerCase()}`, (s) => unit(s, (sql) => sql.query('SELECT hostile_raise($1)', [state]))),
    letter(`raises-${state.toLowerCase()}-in-a-trigger`, inTrigger(`SELECT hostile_raise('${state}')`)),
  ]),
  letter('runs-out-of-its-own-time', (s) =>
    unit(s, async (sql) => {
      await sql.query("SET LOCAL statement_timeout = '10ms'")
      await sql.query('SELECT pg_sleep(1)')
    }),
  ),
  done('locks-a-table', (s) => unit(s, (sql) => sql.query('LOCK TABLE hostile_rows IN ACCESS EXCLUSIVE MODE')), {
    holds: true,
  }),
  done('locks-two-tables-in-any-order', lockBoth, { holds: true }),
  done('sleeps-in-the-server', (s) => unit(s, (sql) => sql.query('SELECT pg_sleep(0.05)')), { holds: true }),
]

// Two of them beside each other wait for each other now and then.
function lockBoth(setting: Setting): Promise<void> {
  const order = setting.entropy.random() < 0.5 ? ['hostile_left', 'hostile_right'] : ['hostile_right', 'hostile_left']
  return unit(setting, async (sql) => {
    for (const table of order) {
      await sql.query(`LOCK TABLE ${table} IN EXCLUSIVE MODE`)
      await sleep(setting.clock, 10)
    }
  })
}
