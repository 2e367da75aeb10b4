import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { OpsSnapshot } from '../platform/messages.ts'
import { type App, startApp } from './app.ts'

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const skip = existsSync(CHROMIUM) ? false : `no browser at ${CHROMIUM}; set CHROMIUM_PATH`

const widths = [
  { name: 'desktop', viewport: { width: 1280, height: 900 } },
  { name: 'phone', viewport: { width: 390, height: 844 } },
]

let app: App
let browser: Browser

/** A page that reports every error it meets: a broken script or a refused style fails the test. */
const open = async (viewport: { width: number; height: number }): Promise<{ page: Page; problems: string[] }> => {
  const page = await browser.newPage({ viewport })
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  await page.goto(app.url)
  await page.locator('#live[data-state=ok]').waitFor()
  return { page, problems }
}

const pidOf = async (service: string): Promise<number> => {
  const { ops } = (await (await fetch(`${app.url}api/overview`)).json()) as { ops: OpsSnapshot | null }
  const pid = ops?.services.find(({ name }) => name === service)?.pid
  assert.ok(pid, `${service} runs`)
  return pid
}

/** Until the page has been told three times what the supervisor sees: two of these looks began after this call. */
const lookedAgain = (page: Page): Promise<unknown> =>
  page.evaluate(`new Promise((done) => {
    const stream = new EventSource('/api/stream')
    let looks = 0
    stream.addEventListener('ops', () => {
      if (++looks < 3) return
      stream.close()
      done()
    })
  })`)

const orderAndOpenInvoice = async (viewport: { width: number; height: number }): Promise<void> => {
  const { page, problems } = await open(viewport)
  await page.getByRole('button', { name: 'New order' }).click()
  await page.getByLabel('To', { exact: true }).selectOption({ label: 'Groningen (NL)' })
  await page.getByLabel('Pallets').fill('24')
  await page.getByRole('button', { name: 'Place order' }).click()
  await page.locator('#detail-title', { hasText: /^LF-2026-/ }).waitFor()
  await page.getByText('Loaded in', { exact: false }).first().waitFor()
  const link = page.getByRole('link', { name: /Open PDF/ })
  await link.waitFor()
  const pdf = await page.request.get(new URL((await link.getAttribute('href')) ?? '', app.url).href)
  assert.equal(pdf.headers()['content-type'], 'application/pdf')
  assert.equal(
    await page.evaluate('document.documentElement.scrollWidth > innerWidth'),
    false,
    'nothing is cut off at the side',
  )
  assert.deepEqual(problems, [])
  await page.close()
}

const replayAfterReading = async (): Promise<void> => {
  const { page, problems } = await open({ width: 1280, height: 900 })
  await page.locator('[data-service=invoicing][data-state=up]').waitFor()
  await page.getByRole('button', { name: 'Send a poison order' }).click()
  const letter = page.locator('[data-letter]')
  const replay = letter.getByRole('button', { name: 'Replay' })
  await replay.waitFor()
  const pid = await pidOf('invoicing')
  process.kill(pid, 'SIGSTOP')
  try {
    await letter.getByRole('button', { name: 'Publish the tariff' }).click()
    await page.getByText(/^Tariff SPOT-\w+ is published/).waitFor()
    await lookedAgain(page)
    assert.equal(await replay.isDisabled(), true)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  await replay.click()
  await letter.waitFor({ state: 'detached' })
  assert.deepEqual(problems, [])
  await page.close()
}

describe('the page', { skip }, () => {
  before(async () => {
    app = await startApp()
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  })
  after(async () => {
    await browser?.close()
    await app?.end()
  })

  for (const { name, viewport } of widths) {
    test(`${name}: order, follow, open the invoice`, () => orderAndOpenInvoice(viewport))

    test(`${name}: an order that cannot be is refused beside the form`, async () => {
      const { page } = await open(viewport)
      await page.getByRole('button', { name: 'New order' }).click()
      await page.getByLabel('Customer').selectOption('C-0002')
      await page.getByLabel('To', { exact: true }).selectOption({ label: 'Rotterdam (NL)' })
      await page.getByRole('button', { name: 'Place order' }).click()
      await page.getByRole('alert').filter({ hasText: 'too near' }).waitFor()
      await page.close()
    })

    test(`${name}: crash invoicing, poison, fix, replay`, async () => {
      const { page, problems } = await open(viewport)
      await page.locator('[data-service=invoicing][data-state=up]').waitFor()
      await page.getByRole('button', { name: 'Crash invoicing' }).click()
      await page.locator('[data-service=invoicing][data-state=waiting]').waitFor()
      assert.equal(await page.locator('#live').getAttribute('data-state'), 'ok', 'the page stays live')
      await page.locator('[data-service=invoicing][data-state=up]').waitFor()
      await page.getByRole('button', { name: 'Send a poison order' }).click()
      const letter = page.locator('[data-letter]')
      await letter.getByRole('button', { name: 'Publish the tariff' }).click()
      await letter.getByText('replay the letter').waitFor()
      await letter.getByRole('button', { name: 'Replay' }).click()
      await letter.waitFor({ state: 'detached' })
      assert.deepEqual(problems, [])
      await page.close()
    })
  }

  test('a replay is offered when invoicing knows the tariff, not when the tariff is published', replayAfterReading)

  test('a shipment can be chosen with the keyboard alone', async () => {
    const { page } = await open({ width: 1280, height: 900 })
    await page.locator('.card').first().waitFor()
    for (let presses = 0; presses < 12; presses++) {
      await page.keyboard.press('Tab')
      if (await page.evaluate('document.activeElement.classList.contains("card")')) break
    }
    await page.keyboard.press('Enter')
    await page.locator('.card[aria-pressed=true]').waitFor()
    await page.close()
  })
})
