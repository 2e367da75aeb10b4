import type { Database } from '../../contracts/database.ts'

/** A write that must be refused, or come to nothing: a row of it is a fault. */
export const trespass = "insert into hostile_trespasses (what) values ('written all the same')"

const tables: readonly string[] = [
  'create table if not exists hostile_trespasses (what text)',
  'create table if not exists hostile_rows (k text, n bigint)',
  'create table if not exists hostile_unique (k text primary key)',
  "insert into hostile_unique (k) values ('taken') on conflict do nothing",
  'create table if not exists hostile_parents (id bigint primary key)',
  `create table if not exists hostile_children (
     parent bigint references hostile_parents (id) deferrable initially deferred)`,
]

const onPostgres: readonly string[] = [
  `create or replace function hostile_do(command text) returns void language plpgsql as $$
     begin execute command; end $$`,
  `create or replace function hostile_raise(code text) returns void language plpgsql as $$
     begin raise exception 'raised on purpose' using errcode = code; end $$`,
  'create table if not exists hostile_commands (command text)',
  `create or replace function hostile_obey() returns trigger language plpgsql as $$
     begin execute new.command; return null; end $$`,
  `create or replace trigger hostile_obeys before insert on hostile_commands
     for each row execute function hostile_obey()`,
  'create schema if not exists hostile_elsewhere',
  'create table if not exists hostile_left (n bigint)',
  'create table if not exists hostile_right (n bigint)',
]

/** Creates what acts touch, beside the tables of the service; once for each database, before anybody plays. */
export async function hostileTables(database: Database): Promise<void> {
  const isPostgres = database.capabilities.dialect === 'postgres'
  for (const statement of [...tables, ...(isPostgres ? onPostgres : [])]) await database.query(statement)
}

/** How many writes took effect that never should have. */
export async function trespasses(database: Database): Promise<number> {
  const [row] = await database.query<{ n: number }>('select count(*) as n from hostile_trespasses')
  return row?.n ?? 0
}
