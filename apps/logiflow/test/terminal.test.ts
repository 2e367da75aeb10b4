/** What the person on call sees in a terminal of 80 columns, beside a LogiFlow with a dead letter. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { nowMs, pause } from '../platform/machine.ts'
import type { OpsSnapshot } from '../platform/messages.ts'
import { type App, startApp } from './app.ts'
import { drawsScreens, noBrowser, openBrowser, screenshot } from './browser.ts'

const repository = join(import.meta.dirname, '../../..')
const launcher = join(repository, 'packages/firebreak/bin/firebreak.js')
const hasPty = spawnSync('script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' }).status === 0
const skip = hasPty ? false : 'no pty here: the program "script" of util-linux makes one'

let app: App
before(async () => {
  app = await startApp()
})
after(() => app.end())

const letters = async (): Promise<number> => {
  const { ops } = (await (await fetch(`${app.url}api/overview`)).json()) as { ops: OpsSnapshot | null }
  return ops?.letters.length ?? 0
}

const firebreak = (line: string): string => {
  const inTerminal = `stty cols 80; '${process.execPath}' '${launcher}' ${line}`
  const { PATH, HOME } = process.env
  const { stdout } = spawnSync('script', ['-qec', inTerminal, '/dev/null'], {
    ...{ cwd: repository, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
    env: { PATH, HOME, TERM: 'xterm', LOGIFLOW_DATA: app.dataDir, NODE_OPTIONS: '--conditions=firebreak-source' },
  })
  return stdout.replaceAll('\r', '')
}

const colours: Readonly<Record<string, string>> = {
  ...{ 1: 'font-weight:bold', 2: 'opacity:.7', 31: 'color:#f47067', 32: 'color:#6bc46d', 33: 'color:#daaa3f' },
  ...{ 36: 'color:#56d4dd' },
}

/** A terminal as a page: each SGR code that opens something is a span, 0 and the codes that close end all of them. */
const pageOf = (text: string): string => {
  let open = 0
  const safe = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escapes of a terminal
  const body = safe.replaceAll(/\u001b\[(\d+)m/g, (_, code: string) => {
    const style = colours[code]
    const closing = style === undefined ? '</span>'.repeat(open) : ''
    open = style === undefined ? 0 : open + 1
    return style === undefined ? closing : `<span style="${style}">`
  })
  return `<body style="margin:0;background:#1c2128;color:#cdd9e5"><pre style="margin:0;padding:16px;font:14px/1.4 'DejaVu Sans Mono',monospace">${body}</pre>`
}

const draw = async (name: string, text: string): Promise<void> => {
  if (!drawsScreens() || noBrowser !== false) return
  const browser = await openBrowser()
  try {
    const page = await browser.newPage({ viewport: { width: 720, height: 60 + 20 * text.split('\n').length } })
    await page.setContent(pageOf(text))
    await screenshot(page, name)
  } finally {
    await browser.close()
  }
}

test('topics, dead letters, the ledger and the way of an event hold 80 columns', { skip }, async () => {
  assert.equal((await fetch(`${app.url}api/ops/poison`, { method: 'POST' })).ok, true)
  for (const endMs = nowMs() + 60_000; (await letters()) === 0; await pause(200))
    assert.ok(nowMs() < endMs, 'no letter')
  const list = firebreak('dlq list')
  const id = /^[0-9a-f-]{8,}/m.exec(stripVTControlCharacters(list))?.[0] ?? ''
  const show = firebreak(`dlq show ${id}`)
  const trace = /firebreak trace (\S+)/.exec(stripVTControlCharacters(show))?.[1] ?? ''
  const screens: Readonly<Record<string, string>> = {
    'dlq list': list,
    [`dlq show ${id}`]: show,
    [`trace ${trace}`]: firebreak(`trace ${trace}`),
    topics: firebreak('topics'),
    verify: firebreak('verify'),
  }
  for (const [line, text] of Object.entries(screens)) {
    const plain = stripVTControlCharacters(text)
    assert.doesNotMatch(plain, /^firebreak: /m, line)
    // Frames of a stack and commands are whole, so that they can be copied.
    for (const row of plain.split('\n'))
      assert.ok(row.length <= 80 || /^\s+at |firebreak /.test(row), `${line}: ${row}`)
  }
  assert.match(stripVTControlCharacters(list), /invoicing[\s\S]*tariff/)
  for (const [line, text] of Object.entries(screens))
    await draw(
      `cli-${line
        .split(' ')
        .slice(0, line.startsWith('dlq') ? 2 : 1)
        .join('-')}`,
      `$ firebreak ${line}\n${text}`,
    )
})
