/** `npm test` itself, on a repository of two files. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'

const scripts = resolve(import.meta.dirname, '../../../../scripts')

/** Runs what the files hold, with the arguments of `npm test`. */
function runOn(t: TestContext, files: Readonly<Record<string, string>>) {
  const repository = mkdtempSync(join(tmpdir(), 'firebreak-test-run-'))
  t.after(() => rmSync(repository, { recursive: true, force: true }))
  for (const name of ['test.ts', 'end-of-file.ts']) cpSync(join(scripts, name), join(repository, 'scripts', name))
  for (const [path, body] of Object.entries(files)) {
    mkdirSync(join(repository, path, '..'), { recursive: true })
    writeFileSync(join(repository, path), `import { describe, test } from 'node:test'\n${body}\n`)
  }
  // A run inside a run would run nothing.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
  const env = { ...inherited, TEST_FILE_MS: '5000', TEST_FILE_OPEN_MS: '200' }
  return (...args: readonly string[]) => {
    const { status, stdout } = spawnSync(process.execPath, [join(repository, 'scripts/test.ts'), ...args], {
      ...{ env, encoding: 'utf8' },
    })
    return { status, stdout }
  }
}

const passes = `test('passes', () => {})`

test('a skip is told and does no harm, but where nothing may be skipped it is a failure, of a library or an app', (t) => {
  const skips = { 'apps/b/test/real/b.test.ts': `test('waits', { skip: 'needs Kafka' }, () => {})` }
  const npmTest = runOn(t, { 'packages/a/test/real/a.test.ts': passes, ...skips })
  const told = npmTest('test/real/')
  assert.deepEqual([told.status, /Skipped:\n {2}1 x needs Kafka/.test(told.stdout)], [0, true], told.stdout)
  const refused = npmTest('--no-skips', 'test/real/')
  assert.equal(refused.status, 1)
  assert.match(refused.stdout, /FAIL skipped, with --no-skips:\n {2}1 x needs Kafka/)
  assert.equal(npmTest('packages/', '--no-skips').status, 0)
})

test('a suite that is skipped is not passed over', (t) => {
  const skips = `describe('all of it', { skip: 'needs PostgreSQL' }, () => { test('one', () => {}) })`
  const npmTest = runOn(t, { 'packages/a/test/a.test.ts': passes, 'packages/a/test/b.test.ts': skips })
  const { status, stdout } = npmTest('--no-skips', 'packages/')
  assert.deepEqual([status, /1 x needs PostgreSQL/.test(stdout)], [1, true], stdout)
})

test('a file that does not end fails, with what it left open, and the others are run', (t) => {
  const open = `${passes}\nprocess.on('SIGTERM', () => {})\nsetInterval(() => {}, 1000)`
  const hangs = `test('hangs', () => new Promise(() => setInterval(() => {}, 1000)))`
  const files = {
    'packages/a/test/a.test.ts': open,
    'packages/a/test/b.test.ts': hangs,
    'packages/a/test/c.test.ts': passes,
  }
  const { status, stdout } = runOn(t, files)('packages/')
  assert.equal(status, 1)
  assert.match(stdout, /a\.test\.ts: its tests have ended, but its process has not for 200 ms\. Still open: .*Timeout/)
  assert.match(stdout, /b\.test\.ts: it did not end within 5000 ms/)
  assert.match(stdout, /ok {3}packages\/a\/test\/c\.test\.ts/)
})
