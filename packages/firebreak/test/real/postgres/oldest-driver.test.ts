/** The peer range of `pg` begins at the version that is installed as `pg-oldest`. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { needsPostgres } from './scene.ts'

const at = (path: string): string => join(import.meta.dirname, path)
const jsonAt = <T>(path: string): T => JSON.parse(readFileSync(at(path), 'utf8')) as T

test('the oldest driver of the peer range is the one that is tested', () => {
  const { peerDependencies } = jsonAt<{ peerDependencies: { pg: string } }>('../../../package.json')
  const { version } = jsonAt<{ version: string }>('../../../../../node_modules/pg-oldest/package.json')
  assert.equal(peerDependencies.pg, `^${version}`)
})

const hook = `import { registerHooks } from 'node:module'
registerHooks({ resolve: (name, context, next) => next(name === 'pg' ? 'pg-oldest' : name, context) })`

for (const suite of ['database', 'statements'])
  test(`the suite "${suite}" holds with the oldest driver`, { skip: needsPostgres, timeout: 180_000 }, () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const preload = `data:text/javascript,${encodeURIComponent(hook)}`
    const args = ['--conditions=firebreak-source', '--import', preload, at(`${suite}.test.ts`)]
    // Throws with the output of the suite when one of its tests fails.
    execFileSync(process.execPath, args, { env, encoding: 'utf8' })
  })
