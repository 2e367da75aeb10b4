#!/usr/bin/env node
// Plain JavaScript that old versions of Node can read, so that they can say what is missing.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const oldestNode = 24
const here = (path) => fileURLToPath(new URL(path, import.meta.url))

if (Number(process.versions.node.split('.')[0]) < oldestNode) {
  console.error(
    `firebreak needs Node ${oldestNode} or newer, this is ${process.versions.node}.\nInstall one from https://nodejs.org/en/download, then run the command again.`,
  )
  process.exit(1)
}

if (!existsSync(here('../src/cli/main.ts'))) {
  const { main } = await import('../dist/cli/main.js')
  await main()
} else if (import.meta.resolve('firebreak').endsWith('/src/index.ts')) {
  const { main } = await import('../src/cli/main.ts')
  await main()
} else {
  // In the repository, a config file must get the same sources as the program: two copies would not share their types.
  const args = ['--conditions=firebreak-source', ...process.execArgv, here('firebreak.js'), ...process.argv.slice(2)]
  const child = spawn(process.execPath, args, { stdio: 'inherit' })
  // The terminal sends Ctrl-C to both; the child decides what it means.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}
