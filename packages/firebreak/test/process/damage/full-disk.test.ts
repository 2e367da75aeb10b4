import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const child = join(import.meta.dirname, 'full-disk-child.ts')
const inNamespace = (line: string, args: readonly string[]) =>
  spawnSync('unshare', ['-rm', 'sh', '-c', line, 'sh', ...args], { encoding: 'utf8' })

const mount = 'mount -t tmpfs -o size="$1" tmpfs "$2"'
const isPossible = inNamespace(mount, ['1m', '/mnt']).status === 0
const options = {
  timeout: 120_000,
  ...(isPossible ? {} : { skip: 'a small disk needs "unshare" of util-linux, and user namespaces' }),
}

/** Runs the lives of the child one after the other on a disk of that size. **Shape** what each has seen. */
function onDisk(size: string, phases: readonly string[]): Record<string, unknown>[] {
  const root = mkdtempSync(join(tmpdir(), 'firebreak-disk-'))
  const disk = join(root, 'disk')
  mkdirSync(disk)
  const node = `"$3" --conditions=firebreak-source "$4"`
  const line = [mount, ...phases.map((phase) => `${node} ${phase} "$2" "$5"`)].join('; ')
  const { stdout, stderr } = inNamespace(line, [size, disk, process.execPath, child, join(root, 'notes')])
  rmSync(root, { recursive: true })
  const seen = stdout.trim().split('\n').filter(Boolean)
  assert.equal(seen.length, phases.length, stderr)
  return seen.map((one) => JSON.parse(one) as Record<string, unknown>)
}

test(
  'a full disk refuses; killed on it, a service starts, and with room goes on: nothing acknowledged is lost or done twice',
  options,
  () => {
    const [full, back] = onDisk('8m', ['fill', 'recover'])
    assert.deepEqual(full?.['refusals'], ['FB_LOG_FULL'])
    assert.deepEqual([full?.['dead'], full?.['halted']], [0, 0])
    const { before, missing, twice, ok, dead, halted, late } = back ?? {}
    assert.deepEqual(
      { missing, twice, ok, dead, halted, late },
      {
        ...{ missing: [], twice: 0, ok: true, dead: 0, halted: 0, late: null },
      },
    )
    assert.equal((before as { balanced: boolean }).balanced, true)
  },
)

test('a database whose log has filled the disk empties it and goes on by itself', options, () => {
  const [seen] = onDisk('4m', ['churn'])
  assert.ok(Number(seen?.['refused']) > 0, 'the disk was full')
  assert.ok(Number(seen?.['inRowMost']) <= 2, JSON.stringify(seen))
})
