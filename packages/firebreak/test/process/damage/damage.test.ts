import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { seededEntropy } from '../../../src/testing/virtual-time/seeded-entropy.ts'
import { damage } from './damage.ts'
import { DamageFound, fill, type Ledger, readLedger, readLog } from './damage-scene.ts'

const seed = Number(process.env['FIREBREAK_SEED'] ?? 20_261_130)
const rounds = 100

interface Template {
  /** Closed, and as a killed process leaves it. */
  readonly folders: readonly string[]
}

async function templates(t: TestContext): Promise<Template> {
  const base = mkdtempSync(join(tmpdir(), 'firebreak-damage-'))
  t.after(() => rmSync(base, { recursive: true, force: true }))
  const [live, killed, closed] = ['live', 'killed', 'closed'].map((name) => join(base, name)) as [
    string,
    string,
    string,
  ]
  for (const folder of [live, killed, closed]) mkdirSync(folder)
  const { close } = await fill(live)
  copy(live, killed)
  await close()
  copy(live, closed)
  return { folders: [closed, killed] }
}

/** The files of a log and a ledger, but not their locks, sockets and shared memory. */
const kept = ['log/log.db', 'log/log.db-wal', 'log/log.end', 'one.db', 'one.db-wal']

function copy(from: string, to: string): void {
  mkdirSync(join(to, 'log'), { recursive: true })
  for (const name of kept) if (existsSync(join(from, name))) cpSync(join(from, name), join(to, name))
}

const existing = (folder: string, names: readonly string[]): string[] =>
  names.map((name) => join(folder, name)).filter((path) => existsSync(path) && statSync(path).size > 0)

type Outcome = 'harmless' | 'an earlier state'

/** Damages a copy, reads it, and says how that ended. */
async function play(
  t: TestContext,
  names: readonly string[],
  read: (places: { folder: string; whole: string; damaged: string }) => Promise<Outcome>,
): Promise<void> {
  const { folders } = await templates(t)
  const { random } = seededEntropy(seed)
  const counts = new Map<string, number>()
  const wrong: string[] = []
  for (let round = 0; round < rounds; round++) {
    const whole = folders[round % 2] as string
    const folder = mkdtempSync(join(tmpdir(), 'firebreak-damaged-'))
    copy(whole, folder)
    const done = damage(existing(folder, names), random)
    try {
      const outcome = await read({ folder, whole, damaged: done.file })
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
    } catch (error) {
      const about = `round ${round}, ${done.file.slice(folder.length)}, ${done.what}`
      if (error instanceof DamageFound) counts.set('found by verify', (counts.get('found by verify') ?? 0) + 1)
      else if (isFirebreakError(error)) counts.set(error.code, (counts.get(error.code) ?? 0) + 1)
      else wrong.push(`${about}: ${(error as Error).stack?.slice(0, 600)}`)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  t.diagnostic(`seed ${seed}: ${JSON.stringify(Object.fromEntries(counts))}`)
  assert.deepEqual(wrong, [])
}

test('a log that is damaged, closed or after a kill, is refused with a code, or says what it said before', async (t) => {
  const before = new Map<string, unknown>()
  await play(t, ['log/log.db', 'log/log.db-wal', 'log/log.end'], async ({ folder, whole }) => {
    if (!before.has(whole)) before.set(whole, await readLog(whole))
    assert.deepEqual(await readLog(folder), before.get(whole))
    return 'harmless'
  })
})

/**
 * SQLite drops the tail of a damaged write-ahead log. A ledger then is what it was some commits ago, which the log notices by
 * what it was told; the events of the outbox alone that no record has caused are compared with nothing.
 */
test('a ledger that is damaged, closed or after a kill, is refused or reported, or says what it said before', async (t) => {
  const before = new Map<string, Ledger>()
  await play(t, ['one.db', 'one.db-wal'], async ({ folder, whole, damaged }) => {
    if (!before.has(whole)) before.set(whole, await readLedger(whole))
    const was = before.get(whole) as Ledger
    const { told, outbox } = await readLedger(folder)
    assert.equal(told, was.told)
    if (outbox === was.outbox) return 'harmless'
    assert.ok(damaged.endsWith('-wal') && outbox.length < was.outbox.length)
    return 'an earlier state'
  })
})
