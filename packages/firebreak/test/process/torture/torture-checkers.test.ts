import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import test, { after, before } from 'node:test'
import { createRuntime, type Runtime, type ServiceDefinition, service, sqliteDatabase, sqliteLog } from 'firebreak'
import type { SqlRow } from '../../../src/contracts/database.ts'
import { allSeals, sealOfRow } from '../../../src/ledger/kept.ts'
import { check, type Findings } from '../../../torture/checks/checkers.ts'
import { type Evidence, readEvidence } from '../../../torture/checks/evidence.ts'
import { OrderDoomed, OrderPlaced } from '../../../torture/history/events.ts'
import { historyFolder, openHistory } from '../../../torture/history/history.ts'
import { unfinished } from '../../../torture/process/drain.ts'
import type { EngineSpec } from '../../../torture/process/engines.ts'
import { createTables, firstService, secondService } from '../../../torture/process/services.ts'
import { inStores } from '../../../torture/process/stores.ts'

/** One quiet run for all tests; each plants its anomaly in a copy. */
let clean = ''

before(async () => {
  clean = mkdtempSync(join(tmpdir(), 'firebreak-checkers-'))
  await runQuietly(clean)
})

after(() => rmSync(clean, { recursive: true, force: true }))

const specIn = (folder: string): EngineSpec => {
  return { log: { kind: 'embedded', folder }, database: { kind: 'sqlite', folder } }
}

async function runQuietly(folder: string): Promise<void> {
  const log = sqliteLog({ path: folder })
  const databases = ['producer-1', 'producer-2', 'first', 'second'].map((name) =>
    sqliteDatabase({ path: join(folder, `${name}.db`) }),
  )
  const scene = { folder, history: openHistory(historyFolder(folder), 'quiet/1') }
  const producer = (name: string): ServiceDefinition => service({ name, publishes: [OrderPlaced, OrderDoomed] })
  const definitions = [producer('producer-1'), producer('producer-2'), firstService(scene), secondService(scene)]
  const runtimes: Runtime[] = []
  for (const [i, definition] of definitions.entries()) {
    const database = databases[i]!
    await createTables(database)
    runtimes.push(createRuntime({ service: definition, log, database, observe: false }))
  }
  for (const runtime of runtimes) await runtime.start()
  for (let seq = 1; seq <= 12; seq++) {
    for (const key of ['a', 'b']) {
      const event = seq === 7 ? OrderDoomed : OrderPlaced
      await runtimes[0]!.transaction(async (tx) => {
        await tx.query('INSERT INTO sent (uid) VALUES ($1)', [`${key}:${seq}`])
        tx.publish(event, { uid: `${key}:${seq}`, key, seq })
      })
    }
  }
  await inStores(specIn(folder), async (stores) => {
    while ((await unfinished(stores)).length > 0) await new Promise((resolve) => setImmediate(resolve))
  })
  for (const runtime of runtimes) await runtime.stop()
  await log.close()
  for (const database of databases) await database.close()
}

type Figures = Readonly<Record<keyof Findings, number>>

const countsOf = (findings: Findings): Figures => {
  const counts = Object.entries(findings).map(([name, found]: [string, readonly string[]]) => [name, found.length])
  return Object.fromEntries(counts)
}

const evidenceIn = (folder: string): Promise<Evidence> =>
  inStores(specIn(folder), (stores) => readEvidence(stores, folder, []))

/** What is planted is what the ledger has written: it is wrong, and not damaged. */
function seal(db: DatabaseSync): void {
  for (const sealed of allSeals) {
    if (db.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(sealed.table) === undefined) continue
    // It has no rowid, and nothing is planted in it.
    if (sealed.table === 'fb_outbox') continue
    const set = db.prepare(`UPDATE ${sealed.table} SET seal = ? WHERE rowid = ?`)
    for (const { place, ...row } of db.prepare(`SELECT rowid AS place, * FROM ${sealed.table}`).all())
      set.run(sealOfRow(sealed, row as SqlRow), place ?? null)
  }
}

async function figuresAfter(database: string, anomaly: string): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-anomaly-'))
  try {
    cpSync(clean, folder, { recursive: true })
    const db = new DatabaseSync(join(folder, `${database}.db`))
    db.exec(anomaly)
    seal(db)
    db.close()
    return countsOf(check(await evidenceIn(folder)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const sound: Figures = {
  lost: 0,
  doubleEffects: 0,
  keyInversions: 0,
  ledgerImbalance: 0,
  ghostEvents: 0,
  halts: 0,
  innocentLetters: 0,
  unsettled: 0,
  wrongEnds: 0,
}
const again = 'INSERT INTO effects (event_id, uid, lane, seq, run) SELECT event_id, uid, lane, seq, run FROM effects'

const cases: readonly { claim: string; database: string; anomaly: string; expected: Figures }[] = [
  { claim: 'a quiet run is sound', database: 'first', anomaly: '', expected: sound },
  {
    claim: 'an effect that is missing is lost, and its follow-up is the ghost of a unit that is not there',
    database: 'first',
    anomaly: "DELETE FROM effects WHERE uid = 'a:3'",
    expected: { ...sound, lost: 1, ghostEvents: 1 },
  },
  {
    claim: 'a follow-up without an effect is lost',
    database: 'second',
    anomaly: "DELETE FROM effects WHERE uid = 'b:5'",
    expected: { ...sound, lost: 1 },
  },
  {
    claim: 'a dead letter that is gone is lost, and the ledger counts one too many',
    database: 'first',
    anomaly: "DELETE FROM fb_dead_letters WHERE lane = '=a'",
    expected: { ...sound, lost: 1, ledgerImbalance: 1 },
  },
  {
    claim: 'a dead letter does not stand in for an effect whose follow-up is in the log',
    database: 'first',
    anomaly: `DELETE FROM effects WHERE uid = 'a:3';
      UPDATE fb_dead_letters SET value = CAST(replace(CAST(value AS TEXT), 'a:7', 'a:3') AS BLOB)`,
    // And the order that the letter was about has none any more.
    expected: { ...sound, lost: 2, ghostEvents: 1 },
  },
  {
    claim: 'what a producer committed and never published is lost',
    database: 'producer-1',
    anomaly: "INSERT INTO sent (uid) VALUES ('a:13')",
    expected: { ...sound, lost: 1 },
  },
  {
    claim: 'an effect that is there twice is doubled, and not out of order',
    database: 'second',
    anomaly: `${again} WHERE uid = 'a:3'`,
    expected: { ...sound, doubleEffects: 1 },
  },
  {
    claim: 'an effect that was committed after its successor is an inversion',
    database: 'first',
    anomaly: "UPDATE effects SET id = (SELECT max(id) + 1 FROM effects) WHERE uid = 'b:11'",
    expected: { ...sound, keyInversions: 1 },
  },
  {
    claim: 'inversions of the second service are found too',
    database: 'second',
    anomaly: "UPDATE effects SET id = (SELECT max(id) + 1 FROM effects) WHERE uid = 'a:2'",
    expected: { ...sound, keyInversions: 1 },
  },
  {
    claim: 'a copy of a dead-lettered order may be handled late',
    database: 'first',
    anomaly: `${again} WHERE uid = 'a:3'; UPDATE effects SET uid = 'a:7', seq = 7 WHERE id = (SELECT max(id) FROM effects)`,
    // Its follow-up never was, so the second service misses it.
    expected: { ...sound, lost: 1 },
  },
  {
    claim: 'an account that says one more than there are is an imbalance of two kinds',
    database: 'second',
    anomaly: `UPDATE fb_partitions SET done = done + 1 WHERE next_position > 0
      AND part = (SELECT min(part) FROM fb_partitions WHERE next_position > 0)`,
    // Of what was consumed, and of the marks in the inbox.
    expected: { ...sound, ledgerImbalance: 2 },
  },
  {
    claim: 'a dead letter of an order that nobody has anything against is found',
    database: 'first',
    anomaly: "UPDATE fb_dead_letters SET headers = replace(headers, 'order.doomed', 'order.placed') WHERE lane = '=a'",
    expected: { ...sound, innocentLetters: 1 },
  },
  {
    claim: 'a record that still waits for its date has not come to rest',
    database: 'second',
    anomaly: `INSERT INTO fb_parked (topic, part, position, lane, headers, log_at_ms, attempts)
      VALUES ('torture.followed', (SELECT min(part) FROM fb_partitions), 9999, '=a', '{}', 0, '[]')`,
    expected: { ...sound, ledgerImbalance: 1, unsettled: 1 },
  },
]

for (const { claim, database, anomaly, expected } of cases) {
  test(claim, async () => assert.deepEqual(await figuresAfter(database, anomaly), expected))
}

test('a runtime that has halted is found', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-anomaly-'))
  try {
    cpSync(clean, folder, { recursive: true })
    const history = openHistory(historyFolder(folder), 'first-1/2')
    history.note({ f: 'halt', type: 'info', group: 'first', value: 'planted' })
    history.close()
    assert.deepEqual(countsOf(check(await evidenceIn(folder))), { ...sound, halts: 1 })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('an order that ends otherwise than its act says is found, both ways', async () => {
  const evidence = await evidenceIn(clean)
  const ends = (uid: string, act: string): Figures => countsOf(check({ ...evidence, hostile: new Map([[uid, act]]) }))
  assert.deepEqual(ends('a:3', 'throws-after-its-commit'), sound)
  assert.deepEqual(ends('a:3', 'never-ends'), { ...sound, wrongEnds: 1 })
  assert.deepEqual(ends('a:7', 'never-ends'), sound)
  assert.deepEqual(ends('a:7', 'throws-after-its-commit'), { ...sound, wrongEnds: 1 })
})

test('a second follow-up of one order is a ghost, and a copy of the first is none', async () => {
  const evidence = await evidenceIn(clean)
  const [first] = evidence.causes
  assert.ok(first !== undefined)
  const withMore = (event: string): Figures =>
    countsOf(check({ ...evidence, causes: [...evidence.causes, { ...first, event }] }))
  assert.deepEqual(withMore(first.event), sound)
  assert.deepEqual(withMore('planted'), { ...sound, ghostEvents: 1 })
})
