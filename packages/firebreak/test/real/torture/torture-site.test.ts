import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { kafkaJarsFolder } from '../../../../../scripts/infra/kafka-jars.ts'
import { findJava, findPostgres } from '../../../../../scripts/infra/tools.ts'
import { openSite } from '../../../torture/process/site.ts'

const isPossible = findJava() !== undefined && findPostgres() !== undefined && existsSync(kafkaJarsFolder)
const skip = !isPossible && 'needs Java, PostgreSQL and the jars of Kafka: npm run infra -- up'

const listening = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length

/** A server that is closed is out of the count with the next turn but one. */
const turns = async (): Promise<void> => {
  for (let n = 0; n < 2; n++) await new Promise((resolve) => setImmediate(resolve))
}

test('the proxies hold their ports before the brokers choose theirs, and let go of them when the site is not opened', {
  skip,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-site-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  // As in a run: the user that PostgreSQL runs as has a folder of its own in it.
  chmodSync(folder, 0o755)
  const before = listening()
  const enough = new AbortController()
  let proxies = 0
  // The format of the storage has written down its ports.
  const onProgress = (line: string): void => {
    if (!line.startsWith('kafka: formatting')) return
    turns().then(() => {
      proxies = listening() - before
      enough.abort()
    })
  }
  await assert.rejects(openSite({ engine: 'kafka-postgres', folder, signal: enough.signal, onProgress }))
  await turns()
  assert.equal(proxies, 3)
  assert.equal(listening(), before)
})
