import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseStartFlags, startHelp } from '../platform/flags.ts'

const refused = (...args: string[]): string => {
  try {
    parseStartFlags(args)
  } catch (error) {
    return (error as Error).message
  }
  return assert.fail(args.join(' '))
}

test('a mistyped flag is refused with the one that was meant, and a way to the help', () => {
  const meant = [
    ['--prt', 'port'],
    ['--prot=3', 'port'],
    ['--databse', 'database'],
    ['--name', 'namespace'],
    ['--rest', 'reset'],
  ] as const
  for (const [typed, name] of meant)
    assert.equal(
      refused(typed),
      `There is no option ${typed.split('=')[0]}. Did you mean "--${name}"?\nSee: npm start -- --help`,
    )
  assert.equal(refused('--zzzz'), 'There is no option --zzzz.\nSee: npm start -- --help')
  assert.equal(refused('nope'), 'Unexpected argument "nope".\nSee: npm start -- --help')
  assert.match(refused('--port', 'x'), /^--port must be a number.*\nSee: /)
})

test('the help names every flag, each text in one column of a terminal of 80', () => {
  const lines = startHelp.split('\n')
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  )
  for (const line of lines.filter((text) => /^ {2}-/.test(text))) assert.match(line, /^.{17} {2}\S/)
})

const start = join(import.meta.dirname, '../start.ts')
const withoutFull = existsSync('/dev/full') ? {} : { skip: 'no /dev/full here' }

test(
  'help that cannot be written is 1 with a message; a message that cannot be written changes no code',
  withoutFull,
  () => {
    const full = openSync('/dev/full', 'w')
    const help = spawnSync(process.execPath, [...process.execArgv, start, '--help'], {
      stdio: ['ignore', full, 'pipe'],
    })
    assert.equal(help.status, 1)
    assert.match(String(help.stderr), /^LogiFlow: the output cannot be written: ENOSPC/)
    const wrong = spawnSync(process.execPath, [...process.execArgv, start, '--prt'], {
      stdio: ['ignore', 'pipe', full],
    })
    assert.equal(wrong.status, 2)
  },
)
