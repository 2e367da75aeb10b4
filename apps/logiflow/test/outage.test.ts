import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { elapsedMs } from '../platform/machine.ts'
import type { OpsSnapshot } from '../platform/messages.ts'
import { type App, startApp } from './app.ts'
import { axeViolations, openBrowser, screenshot, noBrowser as skip } from './browser.ts'

/** The ways the page is looked at, all at the same time. */
const looks = [
  { name: 'desktop', viewport: { width: 1366, height: 768 }, colorScheme: 'light' },
  { name: 'dark', viewport: { width: 1366, height: 768 }, colorScheme: 'dark' },
  { name: 'phone', viewport: { width: 390, height: 844 }, colorScheme: 'light' },
] as const

let app: App
let browser: Browser
const pages: Page[] = []
const problems: string[] = []

/** Nothing to complain about in this state, on every page; and a picture of it. */
const lookAt = async (state: string, keep: 'all' | 'desktop' | 'none' = 'none'): Promise<void> => {
  for (const [index, page] of pages.entries()) {
    assert.deepEqual(await axeViolations(page), [], `${state}, ${looks[index]?.name}`)
    assert.equal(await page.evaluate('document.documentElement.scrollWidth > innerWidth'), false)
    const name = looks[index]?.name
    if (keep === 'all' || keep === name) await screenshot(page, `page-${state}-${name}`)
  }
}

/** On the pages that show a shipment beside the rest. */
const beside = (work: (page: Page) => Promise<unknown>): Promise<unknown> => Promise.all(pages.slice(0, 2).map(work))
const everywhere = (work: (page: Page) => Promise<unknown>): Promise<unknown> => Promise.all(pages.map(work))

const snapshot = async (): Promise<OpsSnapshot> => {
  const { ops } = (await (await fetch(`${app.url}api/overview`)).json()) as { ops: OpsSnapshot | null }
  assert.ok(ops)
  return ops
}

const invoicing = (page: Page, text: RegExp): Promise<void> =>
  page.locator('[data-service=invoicing]', { hasText: text }).waitFor({ timeout: 120_000 })

/** Where the picture of what waits for invoicing ends: 27 is the ground. */
const pictureEndsAt = async (page: Page): Promise<number> =>
  Number((await page.locator('[data-service=invoicing] .spark-line').getAttribute('d'))?.split(' ').at(-1))

const outageWithBurst = async (t: TestContext): Promise<void> => {
  const [page] = pages as [Page]
  await page.locator('.card').nth(8).waitFor({ timeout: 60_000 })
  // On the phone the details are below what is to be seen here.
  await beside((one) => one.locator('.card').nth(3).click())
  await invoicing(page, /up.*nothing waiting/)
  await lookAt('before', 'all')

  await page.getByRole('button', { name: 'Stop invoicing' }).click()
  await invoicing(page, /stopped/)
  const burstAtMs = elapsedMs()
  await page.getByRole('button', { name: 'Send 30 orders' }).click()
  await invoicing(page, /\d+ waiting for \d+ s/)
  t.diagnostic(`${Math.round(elapsedMs() - burstAtMs)} ms from the burst to the page that says what waits`)
  await page.locator('#fresh', { hasText: /\d+ invoices? waiting, the (only|oldest) one for \d+ s/ }).waitFor()
  await invoicing(page, /stopped for (2\d|[3-9]\d) s/)
  await invoicing(page, /(3\d|[4-9]\d) waiting for \d\d s/)
  assert.equal(await page.getByText('Invoices up to date').count(), 0)
  await beside((one) => one.locator('.card', { hasText: 'invoice pending' }).first().click())
  await page.getByText('Invoices are delayed. Your shipments are not affected').waitFor()
  assert.equal((await page.locator('.tag', { hasText: 'invoice pending' }).count()) > 0, true)
  assert.ok((await pictureEndsAt(page)) < 10)
  await lookAt('during', 'all')

  await page.getByRole('button', { name: 'Start invoicing' }).click()
  await invoicing(page, /up.*nothing waiting/)
  await page.locator('#fresh', { hasText: 'Invoices up to date' }).waitFor()
  await page.locator('#banner').waitFor({ state: 'hidden' })
  const { history } = (await snapshot()).queues['invoicing'] ?? { history: [] }
  assert.ok(Math.max(...history) >= 30, `at most ${Math.max(...history)} waited`)
  assert.equal(history.at(-1), 0)
  assert.equal(await pictureEndsAt(page), 27)
  await lookAt('after', 'all')
  assert.match(app.output(), /invoicing +■ stopped on the page[^\n]*\n[^\n]*invoicing +✔ up again/)
  assert.deepEqual(problems, [])
}

const formLetterAndReplay = async (): Promise<void> => {
  const [page] = pages as [Page]
  await everywhere(async (one) => {
    await one.getByRole('button', { name: 'New order' }).click()
    await one.getByLabel('Goods').fill(' ')
    await one.getByRole('button', { name: 'Place order' }).click()
    await one.locator('#goods[aria-invalid]').waitFor()
  })
  await lookAt('form')
  await everywhere((one) => one.getByRole('button', { name: 'Cancel' }).click())
  await page.getByRole('button', { name: 'Send a poison order' }).click()
  await everywhere((one) => one.locator('[data-letter] a').waitFor())
  assert.equal(await page.title(), '(1) dead letter · LogiFlow')
  await lookAt('letter')
  await page.getByRole('button', { name: 'Publish the tariff' }).click()
  await page.getByText('replay the letter.').waitFor()
  await page.getByRole('button', { name: 'Replay' }).click()
  await everywhere((one) => one.locator('[data-result]').waitFor())
  assert.equal(await page.title(), 'Shipments · LogiFlow')
  await lookAt('replayed')
  assert.deepEqual(problems, [])
}

const disconnected = async (): Promise<void> => {
  const [page] = pages as [Page]
  const portal = (await snapshot()).services.find(({ name }) => name === 'portal')?.pid ?? 0
  // It keeps its connections and says nothing: only the silence can be noticed.
  process.kill(portal, 'SIGSTOP')
  try {
    await everywhere((one) => one.locator('#live', { hasText: /disconnected for \d+ s/ }).waitFor())
    await page.locator('#fresh', { hasText: /Positions are 1\d s old/ }).waitFor()
    assert.equal(await page.title(), 'Disconnected · LogiFlow')
    assert.equal(await page.getByText('✔ up').count(), 0)
    assert.equal(await page.getByText('Invoices up to date').count(), 0)
    assert.equal(await page.getByRole('button', { name: 'Stop invoicing' }).isDisabled(), true)
    await lookAt('disconnected', 'desktop')
  } finally {
    process.kill(portal, 'SIGCONT')
  }
  await everywhere((one) => one.locator('#live[data-state=ok]').waitFor())
  assert.equal(await page.getByRole('button', { name: 'Stop invoicing' }).isDisabled(), false)
  assert.deepEqual(problems, [])
}

describe('an outage on the page', { skip }, () => {
  before(async () => {
    app = await startApp()
    browser = await openBrowser()
    for (const { name, ...look } of looks) {
      const page = await browser.newPage(look)
      page.on('pageerror', (error) => problems.push(`${name}: ${error.message}`))
      await page.goto(app.url)
      await page.locator('#live[data-state=ok]').waitFor()
      pages.push(page)
    }
  })
  after(async () => {
    await browser?.close()
    await app?.end()
  })

  test('20 s with a burst of orders: what waits and since when, and after the start it drains to 0', outageWithBurst)

  test(
    'axe finds nothing in the form, at a refused field, beside a dead letter and beside its replay',
    formLetterAndReplay,
  )

  test(
    'what the server no longer says is grey, its ages go on, and nothing can be pressed; then it is live again',
    disconnected,
  )
})
