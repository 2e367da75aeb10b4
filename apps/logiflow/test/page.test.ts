import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import type { OpsSnapshot } from '../platform/messages.ts'
import { type App, startApp } from './app.ts'
import { openBrowser, noBrowser as skip } from './browser.ts'

type Viewport = { readonly width: number; readonly height: number }

const widths = [
  { name: 'desktop', viewport: { width: 1280, height: 900 } },
  { name: 'phone', viewport: { width: 390, height: 844 } },
]

let app: App
let browser: Browser

/** A page that reports every error it meets: a broken script or a refused style fails the test. */
const open = async (viewport: Viewport): Promise<{ page: Page; problems: string[] }> => {
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

const orderAndOpenInvoice = async (viewport: Viewport): Promise<void> => {
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

const refusedBesideForm = async (viewport: Viewport): Promise<void> => {
  const { page } = await open(viewport)
  await page.getByRole('button', { name: 'New order' }).click()
  await page.getByLabel('Customer').selectOption('C-0002')
  await page.getByLabel('To', { exact: true }).selectOption({ label: 'Rotterdam (NL)' })
  await page.getByRole('button', { name: 'Place order' }).click()
  await page.getByRole('alert').filter({ hasText: 'too near' }).waitFor()
  await page.close()
}

const stopAndReplay = async (viewport: Viewport): Promise<void> => {
  const { page, problems } = await open(viewport)
  await page.locator('[data-service=invoicing][data-state=up]').waitFor()
  await page.getByRole('button', { name: 'Stop invoicing' }).click()
  await page.locator('[data-service=invoicing][data-state=stopped]').waitFor()
  assert.equal(await page.locator('#live').getAttribute('data-state'), 'ok', 'the page stays live')
  await page.getByRole('button', { name: 'Start invoicing' }).click()
  await page.locator('[data-service=invoicing][data-state=up]').waitFor()
  await page.getByRole('button', { name: 'Send a poison order' }).click()
  const letter = page.locator('[data-letter]')
  await letter.getByRole('button', { name: 'Publish the tariff' }).click()
  await letter.getByText('replay the letter').waitFor()
  await letter.getByRole('button', { name: 'Replay' }).click()
  await letter.waitFor({ state: 'detached' })
  await page.locator('[data-result]:focus', { hasText: /^invoice NL-2026-\d+, €[\d.]+, for LF-2026-\d+$/ }).waitFor()
  assert.match(app.output(), /✔ replayed route\.calculated of TRK-\d+: handled/)
  assert.deepEqual(problems, [])
  await page.close()
}

const nothingCovered = async (viewport: Viewport): Promise<void> => {
  const { page } = await open(viewport)
  await page.locator('.card').first().waitFor()
  const places = (await page.evaluate(`['#outage', '.card', '.fresh'].map((name) => {
    const { top, bottom } = document.querySelector(name).getBoundingClientRect()
    return { top, bottom }
  })`)) as { top: number; bottom: number }[]
  const [button, card, footer] = places as [(typeof places)[0], (typeof places)[0], (typeof places)[0]]
  assert.ok(button.top > 0 && button.bottom <= footer.top)
  assert.ok(card.top > button.bottom && card.bottom <= footer.top)
  assert.equal(footer.bottom, viewport.height)
  assert.equal(await page.evaluate(`document.querySelector('.page').getBoundingClientRect().bottom`), footer.top)
  await page.close()
}

const chosenByKeyboard = async (): Promise<void> => {
  const { page } = await open({ width: 1280, height: 900 })
  await page.locator('.card').first().waitFor()
  // Skip link, new order and three buttons come before the shipments.
  for (let presses = 0; presses < 6; presses++) {
    await page.keyboard.press('Tab')
    if (await page.evaluate('document.activeElement.classList.contains("card")')) break
  }
  await page.keyboard.press('Enter')
  await page.locator('.card[aria-pressed=true]').waitFor()
  await page.close()
}

const keyboardStops = async (): Promise<void> => {
  const { page } = await open(widths[0]?.viewport ?? { width: 1280, height: 900 })
  const stops: unknown[] = []
  for (let presses = 0; presses < 5; presses++) {
    await page.keyboard.press('Tab')
    stops.push(await page.evaluate('document.activeElement.id'))
  }
  assert.deepEqual(stops, ['', 'new-order', 'outage', 'burst', 'poison'])
  await page.close()
}

const addressOfShipment = async (): Promise<void> => {
  const { page } = await open({ width: 1280, height: 900 })
  await page.locator('.card').first().click()
  await page.locator('#detail-title', { hasText: /^LF-2026-/ }).waitFor()
  const number = await page.locator('#detail-title').textContent()
  assert.equal(new URL(page.url()).hash, `#${number}`)
  await page.goBack()
  await page.locator('#detail-title', { hasText: 'Select a shipment' }).waitFor()
  const other = await browser.newPage()
  await other.goto(`${app.url}#${number}`)
  await other.locator('#detail-title', { hasText: number ?? '' }).waitFor()
  await other.goto(`${app.url}#LF-2026-999999`)
  await other.getByText('There is no shipment LF-2026-999999.').waitFor()
  await Promise.all([page.close(), other.close()])
}

const saidAtField = async (): Promise<void> => {
  const { page } = await open({ width: 1280, height: 900 })
  await page.getByRole('button', { name: 'New order' }).click()
  await page.getByLabel('Goods').fill('   ')
  await page.getByRole('button', { name: 'Place order' }).click()
  await page.locator('#goods-error', { hasText: 'Say what the truck carries.' }).waitFor()
  assert.equal(await page.locator('#goods:focus').getAttribute('aria-invalid'), 'true')
  assert.equal(await page.locator('#order-error').textContent(), '')
  await page.getByLabel('Goods').fill('Tiles')
  assert.equal(await page.locator('#goods').getAttribute('aria-invalid'), null)
  await page.close()
}

type Road = {
  readonly clock: { readonly simNowMs: number }
  readonly orders: readonly { readonly orderNumber: string; readonly route: { readonly departAt: string } | null }[]
}
const road = async (): Promise<Road> => (await (await fetch(`${app.url}api/overview`)).json()) as Road

/** The step of a shipment whose truck leaves in the future, or has left: by the server's clock, before or after the look. */
const departureStep = async (page: Page, isAhead: boolean): Promise<string> => {
  for (;;) {
    const { clock, orders } = await road()
    // Ten minutes of the road are ten seconds here.
    const found = orders.find(({ route }) => {
      const inMs = route === null ? Number.NaN : Date.parse(route.departAt) - clock.simNowMs
      return isAhead ? inMs > 600_000 : inMs < 0
    })
    if (found === undefined) {
      await lookedAgain(page)
      continue
    }
    await page.goto(`${app.url}#${found.orderNumber}`)
    await page.locator('#detail-title', { hasText: found.orderNumber }).waitFor()
    const text = await page.locator('.steps li', { hasText: 'leaves its depot' }).textContent()
    const leavesMs = Date.parse(found.route?.departAt ?? '')
    if (!isAhead || (await road()).clock.simNowMs < leavesMs) return text ?? ''
  }
}

const tickedWhenHappened = async (): Promise<void> => {
  const { page } = await open({ width: 1280, height: 900 })
  assert.match(await departureStep(page, true), /○ Truck .* leaves its depot \(expected\)/)
  assert.match(await departureStep(page, false), /✔ Truck .* leaves its depot$/)
  await page.close()
}

const withoutScripts = async (): Promise<void> => {
  const context = await browser.newContext({ javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(app.url)
  await page.locator('noscript p').waitFor()
  await context.close()
}

describe('the page', { skip }, () => {
  before(async () => {
    app = await startApp()
    browser = await openBrowser()
  })
  after(async () => {
    await browser?.close()
    await app?.end()
  })

  for (const { name, viewport } of widths) {
    test(`${name}: order, follow, open the invoice`, () => orderAndOpenInvoice(viewport))

    test(`${name}: an order that cannot be is refused beside the form`, () => refusedBesideForm(viewport))

    test(`${name}: stop and start invoicing, poison, fix, replay`, () => stopAndReplay(viewport))

    test(`${name}: nothing is under the footer, and a shipment is on the screen beside the buttons`, () =>
      nothingCovered(viewport))
  }

  test('a replay is offered when invoicing knows the tariff, not when the tariff is published', replayAfterReading)

  test('a shipment can be chosen with the keyboard alone', chosenByKeyboard)

  test('the buttons that break something are the third to fifth stop of the keyboard', keyboardStops)

  test(
    'a shipment has an address: the number opens it, the back button leaves it, an unknown one is said',
    addressOfShipment,
  )

  test('what cannot be ordered is said at its field, which is marked and has the focus', saidAtField)

  test('no step of a shipment is ticked before it has happened', tickedWhenHappened)

  test('without JavaScript the page says what it needs', withoutScripts)
})
