import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Result } from '../incident/result.ts'
import { shortNight, traceOf } from '../incident/scenario.ts'
import { drawsScreens, noBrowser, openBrowser, screenshot } from './browser.ts'

type Report = { readonly rest: Result; readonly events: Result; readonly broken: readonly string[] }
const folder = mkdtempSync(join(tmpdir(), 'logiflow-incident-'))
const out = join(folder, 'report.html')

const main = join(import.meta.dirname, '../incident/main.ts')

const run = async (): Promise<Report> => {
  // For the pictures all three; the third has a test of its own, because a file may not take longer than two nights.
  const mode = drawsScreens() ? 'all' : 'rest,events'
  const child = spawn(process.execPath, [main, '--short', '--json', '--mode', mode, '--out', out], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  for await (const chunk of child.stdout) output += String(chunk)
  return JSON.parse(output) as Report
}

/** The page of a night that was played, as it is shown in the documentation. */
const showPage = async (): Promise<void> => {
  if (noBrowser !== false) return
  const browser = await openBrowser()
  try {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ colorScheme, viewport: { width: 1100, height: 1080 } })
      await page.goto(`file://${out}`)
      assert.equal(await page.locator('.nights > li').count(), drawsScreens() ? 3 : 2)
      await screenshot(page, `incident-${colorScheme}`)
    }
  } finally {
    await browser.close()
  }
}

test('the same seed gives the same night, another seed another one', () => {
  assert.deepEqual(traceOf(shortNight, 1), traceOf(shortNight, 1))
  assert.notDeepEqual(traceOf(shortNight, 1).steps.slice(0, 5), traceOf(shortNight, 2).steps.slice(0, 5))
})

test('it says at the beginning how long it takes; Ctrl-C ends it with 130 and without a result', async () => {
  const child = spawn(process.execPath, [main, '--short', '--out', out], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [output, said] = ['', '']
  child.stdout.on('data', (text: Buffer) => {
    output += String(text)
  })
  const code = await new Promise<number | null>((resolve) => {
    child.once('exit', resolve)
    child.stderr.on('data', (text: Buffer) => {
      said += String(text)
      if (said.includes('starting four processes')) child.kill('SIGINT')
    })
  })
  assert.match(said, /^This takes about 5 min: 3 nights of 64 s \(calls, hardened calls, events\)\. Ctrl-C ends it\./)
  assert.equal(code, 130)
  assert.equal(output, '')
})

test('the short night: with direct calls the portal falls with invoicing, with events nobody notices', async (t) => {
  t.after(() => rmSync(folder, { recursive: true }))
  const { rest, events, broken } = await run()
  assert.ok(rest.crashes >= 1 && events.crashes >= 1, 'the invoice process ran out of memory in both')
  const { portalSuccess } = rest.duringOutage
  assert.ok(portalSuccess < 0.85, `during the outage ${portalSuccess} of the views were answered`)
  assert.ok(rest.badSeconds > 4, `${rest.badSeconds} bad seconds`)
  assert.ok(events.portal.ok / events.portal.offered >= 0.999)
  assert.equal(events.invoices.lost, 0)
  assert.equal(events.invoices.duplicated, 0)
  assert.equal(events.backlogAtEnd, 0)
  assert.equal(events.ledgerImbalance, 0)
  assert.deepEqual(broken, [])
  assert.equal(events.curve.uninvoiced.at(-1), 0)
  assert.ok(readFileSync(out, 'utf8').includes('The night invoicing failed'))
  await showPage()
})
