import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { lockData } from '../platform/data-lock.ts'
import { settingsForTools } from '../platform/settle-engines.ts'

const variables = [
  'LOGIFLOW_LOG',
  'LOGIFLOW_DATABASE',
  'LOGIFLOW_DATA',
  'LOGIFLOW_NAMESPACE',
  'KAFKA_BROKERS',
  'DATABASE_URL',
]
const home = process.cwd()
const folder = mkdtempSync(join(tmpdir(), 'logiflow-tools-'))

/** A data folder as a LogiFlow leaves it. */
const keep = (dataDir: string, namespace: string, url: string): void => {
  mkdirSync(join(folder, dataDir), { recursive: true })
  const saved = { engines: { log: 'kafka', database: 'sqlite', namespace }, pid: 1, url, simMs: 0 }
  writeFileSync(join(folder, dataDir, 'logiflow.json'), JSON.stringify(saved))
}

const toolsWith = (said: Readonly<Record<string, string>>): string => {
  for (const name of variables) delete process.env[name]
  Object.assign(process.env, { KAFKA_BROKERS: '127.0.0.1:9092' }, said)
  const { log, database, dataDir, namespace } = settingsForTools()
  return [log, database, dataDir, namespace].join(' ')
}

before(() => process.chdir(folder))
after(() => {
  process.chdir(home)
  rmSync(folder, { recursive: true })
})

test('tools look at the LogiFlow that runs, at the embedded one when none does', () => {
  // As one that was killed has left it.
  keep('.logiflow-kafka', 'mine', 'http://127.0.0.1:7311/')
  assert.equal(toolsWith({}), 'embedded sqlite .logiflow ')
  const lock = lockData(join(folder, '.logiflow-kafka'))
  assert.equal(toolsWith({}), 'kafka sqlite .logiflow-kafka mine')
  lock?.release()
})

test('what is said goes before what runs; a data folder says its engines itself', () => {
  keep('.logiflow-kafka', 'mine', 'http://127.0.0.1:7311/')
  keep('elsewhere', 'other', '')
  assert.equal(toolsWith({ LOGIFLOW_LOG: 'embedded' }), 'embedded sqlite .logiflow ')
  assert.equal(toolsWith({ LOGIFLOW_DATA: 'elsewhere' }), 'kafka sqlite elsewhere other')
})
