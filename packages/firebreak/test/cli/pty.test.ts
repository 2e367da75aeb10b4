import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { type HostileScene, hostileScene, obeyed } from './hostile-text.ts'
import { filledScene, type Scene, scratch } from './scene.ts'
import { writeConfig } from './user-folder.ts'

const launcher = join(import.meta.dirname, '../../bin/firebreak.js')
const hasPty = spawnSync('script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' }).status === 0
const withoutPty = hasPty ? {} : { skip: 'no pty here: the program "script" of util-linux makes one' }
const withoutFull = existsSync('/dev/full') ? {} : { skip: 'no /dev/full here' }

let hostile: HostileScene
let filled: Scene
before(async () => {
  hostile = await hostileScene(scratch(), 200)
  writeConfig(hostile.scene.folder)
  filled = await filledScene(scratch())
  writeConfig(filled.folder)
})

interface Ended {
  readonly exit: number | null
  readonly out: string
  readonly err: string
}

/** Runs a line of the shell in which `firebreak` is the program. */
function shell(
  t: TestContext,
  line: string,
  around: (line: string) => readonly string[],
  { folder } = hostile.scene,
): Promise<Ended> {
  const [command = 'sh', ...args] = around(line.replaceAll('firebreak', `'${process.execPath}' '${launcher}'`))
  const env = { ...process.env, NODE_OPTIONS: '--conditions=firebreak-source', NO_COLOR: '1' }
  const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk
  })
  return new Promise((resolve) => child.on('close', (exit) => resolve({ exit, out, err })))
}

const inShell = (line: string): readonly string[] => ['sh', '-c', line]
const onPty = (line: string): readonly string[] => ['script', '-qec', line, '/dev/null']
const wide =
  (columns: number) =>
  (line: string): readonly string[] =>
    onPty(`stty cols ${columns}; ${line}`)

for (const input of ['', ' < /dev/null'])
  test(
    `a pty gets no control character of data, with stdin ${input === '' ? 'connected' : 'not connected'}`,
    withoutPty,
    async (t) => {
      const [id] = hostile.letterIds
      for (const line of [
        'dlq list --max 200',
        'dlq replay --all',
        `dlq show ${id} --payload`,
        'outbox list',
        'tail orders --from earliest --no-follow --json',
        'dlq show "$(printf \'\\033[2J\\302\\233\')"',
      ]) {
        const asked = line === 'dlq replay --all' && input === '' ? 'yes n | head -1 | ' : ''
        const { out } = await shell(t, `${asked}firebreak ${line}${asked === '' ? input : ''}`, onPty)
        assert.notEqual(out, '')
        assert.equal(out.search(obeyed), -1, `${line}: ${JSON.stringify(out.slice(0, 2_000))}`)
      }
    },
  )

test(
  'a terminal of 80 columns gets lines of 80 columns, a wider one more, and a pipe all of it',
  withoutPty,
  async (t) => {
    for (const line of ['dlq list', 'verify --partitions', 'help']) {
      const { exit, out } = await shell(t, `firebreak ${line}`, wide(80), filled)
      assert.equal(exit, 0)
      const lines = out.split(/\r?\n/).filter((text) => !text.includes('Next: '))
      assert.ok(lines.length > 3)
      assert.deepEqual(
        lines.filter((text) => text.length > 80),
        [],
      )
    }
    const narrow = await shell(t, 'firebreak dlq list', wide(80), filled)
    assert.match(narrow.out, /^ {2}no rate for 90000 kg \(RateError\)\r$/m)
    const roomy = await shell(t, 'firebreak dlq list', wide(140), filled)
    assert.match(roomy.out, / K-2 +no rate for 90000 kg \(RateError\)\r$/m)
    const piped = await shell(t, 'firebreak verify --partitions | cat', wide(80), filled)
    assert.match(piped.out, /= +DONE +\+ +DUPLICATE +\+ +SKIPPED +\+ +PARKED +\+ +DEAD +\+ +DISCARDED/)
  },
)

test('what cannot be written is exit 1 with a message', withoutFull, async (t) => {
  for (const line of ['dlq list --json', 'dlq list', 'help', 'verify']) {
    const { exit, err } = await shell(t, `firebreak ${line} > /dev/full`, inShell)
    assert.equal(exit, 1, line)
    assert.match(err, /firebreak: the output cannot be written: .*ENOSPC/)
  }
})

test('messages that cannot be written change no exit code', withoutFull, async (t) => {
  assert.equal((await shell(t, 'firebreak dlq lsit 2> /dev/full', inShell)).exit, 2)
})

test('a reader that leaves early ends what only reads, quietly and with 0', async (t) => {
  for (const line of ['dlq list --json --max 200', 'tail orders --from earliest']) {
    const { err, out } = await shell(t, `{ firebreak ${line}; echo "exit $?" >&2; } | head -1 > /dev/null`, inShell)
    assert.equal(out, '')
    assert.match(err, /^exit 0$/m)
    assert.doesNotMatch(err, /EPIPE|Error/)
  }
})

test('a change goes on to its end when its reader leaves', async (t) => {
  const line = 'dlq discard --all --yes --max 150 --reason r'
  const { err } = await shell(t, `{ firebreak ${line}; echo "exit $?" >&2; } | true`, inShell)
  assert.match(err, /150 dead letters discarded, 0 failed, of 150\.[\s\S]*exit 0/)
})
