import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { notesIn } from '../platform/data-dir.ts'
import { nothingMade } from '../platform/server-space.ts'
import { startApp } from './app.ts'

/** A port that nobody listens on. */
const away = { KAFKA_BROKERS: '127.0.0.1:1', DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/nothing' }

const refusals: readonly { readonly flags: readonly string[]; readonly says: RegExp }[] = [
  { flags: ['--log', 'kafka'], says: /no Kafka answers at 127\.0\.0\.1:1\. .* npm run infra -- up kafka/ },
  {
    flags: ['--database', 'postgres'],
    says: /no PostgreSQL answers at 127\.0\.0\.1:1\. .* npm run infra -- up postgres/,
  },
  { flags: ['--log', 'rabbit'], says: /--log must be embedded or kafka, not "rabbit"/ },
  { flags: ['--database', 'oracle'], says: /--database must be sqlite or postgres, not "oracle"/ },
  { flags: ['--namespace', 'My_Own'], says: /--namespace must be .* letters and digits/ },
]

for (const { flags, says } of refusals) {
  test(`${flags.join(' ')}: refused, with what to do`, async () => {
    const app = await startApp({ flags, env: away })
    try {
      assert.equal(await app.ended, 2)
      assert.match(app.output(), says)
      const [, hint = 'See: npm start -- --help', ...more] = app.output().trim().split('\n')
      assert.deepEqual([hint, more], ['See: npm start -- --help', []], 'no stack')
    } finally {
      await app.end()
    }
  })
}

test('what was kept with one choice of engines is not read with another', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'logiflow-engines-'))
  notesIn(dataDir, { log: 'kafka', database: 'postgres', namespace: '' })(nothingMade)
  const app = await startApp({ dataDir })
  try {
    assert.equal(await app.ended, 2)
    assert.match(app.output(), /was made with kafka and postgres, not with embedded and sqlite/)
  } finally {
    await app.end()
  }
})
