import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const repository = join(import.meta.dirname, '../../../..')
const packages = join(repository, 'packages')

/** What npm says about the tarball that it has just written. */
export interface Packed {
  readonly filename: string
  readonly size: number
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string; readonly size: number }[]
}

/** An empty folder outside the repository, with the packed library installed and nothing else. */
export interface Consumer {
  readonly packed: Packed
  /** Packs one more package of the repository, and installs it with copies of packages that it asks for. */
  add(name: string, peers: readonly string[]): Packed
  write(name: string, text: string): void
  /** Installs a package beside the library, as it stands in the repository. */
  link(name: string): void
  /** Runs a program in the folder and returns its output; throws with the output and the `status` when it fails. */
  run(program: string, ...args: readonly string[]): string
  node(...args: readonly string[]): string
  tsc(...args: readonly string[]): string
  remove(): void
}

export function createConsumer(): Consumer {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-consumer-'))
  const env = foreignEnv()
  const run = (program: string, ...args: readonly string[]): string =>
    runIn({ program, args, cwd: folder, env }).toString()
  const pack = (cwd: string, ...options: readonly string[]): Packed => {
    const args = ['pack', '--json', '--pack-destination', folder, ...options]
    const answer = runIn({ program: 'npm', args, cwd, env }).toString()
    const [packed] = Object.values(JSON.parse(answer.slice(answer.search(/^[[{]/m))) as Record<string, Packed>)
    if (packed === undefined) throw new Error(`npm pack said: ${answer}`)
    return packed
  }
  const install = (...tarballs: readonly Packed[]): void => {
    const paths = tarballs.map(({ filename }) => join(folder, filename))
    run('npm', 'install', '--offline', '--no-audit', '--no-fund', ...paths)
  }
  // npm runs the build first, by `prepack`.
  const packed = pack(join(packages, 'firebreak'))
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
  write('package.json', '{ "name": "consumer", "private": true, "type": "module" }')
  install(packed)
  return {
    packed,
    add(name, peers) {
      const added = pack(join(packages, name))
      install(added, ...peers.map((peer) => pack(join(repository, 'node_modules', peer), '--ignore-scripts')))
      return added
    },
    write,
    link(name) {
      const place = join(folder, 'node_modules', name)
      mkdirSync(dirname(place), { recursive: true })
      symlinkSync(join(repository, 'node_modules', name), place)
    },
    run,
    node: (...args) => run(process.execPath, ...args),
    tsc: (...args) => run(process.execPath, join(repository, 'node_modules/typescript/bin/tsc'), ...args),
    remove: () => rmSync(folder, { recursive: true }),
  }
}

// Somebody else's machine: neither the export condition of this repository nor what npm passes to its scripts.
function foreignEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => name !== 'NODE_OPTIONS' && !/^npm_|^NODE_TEST/i.test(name),
  )
  return Object.fromEntries(kept)
}

interface Ended extends Error {
  readonly stdout?: Buffer
  readonly stderr?: Buffer
  readonly status?: number
}

function runIn(job: { program: string; args: readonly string[]; cwd: string; env: NodeJS.ProcessEnv }): Buffer {
  try {
    return execFileSync(job.program, job.args, { cwd: job.cwd, env: job.env, stdio: 'pipe', timeout: 120_000 })
  } catch (error) {
    const { stdout, stderr, message, status } = error as Ended
    throw Object.assign(new Error(`${message}\n${stdout}\n${stderr}`), { status })
  }
}
