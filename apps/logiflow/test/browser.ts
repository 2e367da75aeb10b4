import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { env } from '../platform/machine.ts'
import { smallPng } from './small-png.ts'

const CHROMIUM = env('CHROMIUM_PATH') ?? '/usr/bin/chromium'

/** Why tests of pages are left out; false where there is a browser. */
export const noBrowser: string | false = existsSync(CHROMIUM) ? false : `no browser at ${CHROMIUM}; set CHROMIUM_PATH`

export const openBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--force-color-profile=srgb', '--disable-lcd-text'],
  })

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** What axe finds wrong: `color-contrast: .tag`; empty when nothing is. */
export const axeViolations = async (page: Page): Promise<readonly string[]> => {
  if (!(await page.evaluate('"axe" in window'))) {
    // A page forbids scripts of others: the tool comes in beside its document, not through it.
    await page.evaluate(await readFile(axePath, 'utf8'))
  }
  return (await page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ': ' + target + ' ' + failureSummary)))`)) as string[]
}

const screens = join(import.meta.dirname, '../../../docs/screens')

/**
 * Whether the pictures of `docs/screens/` are drawn anew. A test run leaves them alone, because each run would draw others:
 *
 *     LOGIFLOW_SCREENS=1 npm test -- apps/logiflow/test/outage
 *     LOGIFLOW_SCREENS=1 npx node --conditions=firebreak-source --test apps/logiflow/test/incident.test.ts
 *
 * The second has three nights to play, which may take longer than `npm test` gives a file.
 */
export const drawsScreens = (): boolean => env('LOGIFLOW_SCREENS') !== undefined

/** Nothing, unless the pictures are drawn. */
export const screenshot = async (page: Page, name: string): Promise<void> => {
  if (!drawsScreens()) return
  mkdirSync(screens, { recursive: true })
  writeFileSync(join(screens, `${name}.png`), smallPng(await page.screenshot({ animations: 'disabled' })))
}
