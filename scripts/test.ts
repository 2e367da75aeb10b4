/**
 * Everything that has to hold before a change goes in: formatting, lint, types, and every test of every workspace.
 *
 *     npm test                    all of it
 *     npm test -- unit tidy       only test files whose path contains one of the words, without the checks
 *     npm test -- --no-skips real/
 *                                 a test that is skipped counts as a failure: for a machine where all is there that the
 *                                 tests need, and a skip can only mean that it has gone
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { run } from 'node:test'

const repository = join(import.meta.dirname, '..')
const flag = '--no-skips'
const mayNotSkip = process.argv.includes(flag)
const words = process.argv.slice(2).filter((word) => word !== flag)
const preload = ['--import', join(import.meta.dirname, 'end-of-file.ts')]
// More than a file may take: what it started can hold its output open after its end.
const silenceMaxMs = 480_000
// They measure what happens in real time under load, and need the machine for themselves.
const alone = new Set([
  'apps/logiflow/test/incident.test.ts',
  'apps/logiflow/test/incident-hardened.test.ts',
  'apps/logiflow/test/real/incident.test.ts',
  'packages/lab/test/process/real.test.ts',
])

interface Outcome {
  passed: number
  readonly failures: { readonly name: string; readonly file: string; readonly error: unknown }[]
  /** Reason -> names of tests. */
  readonly skips: Map<string, string[]>
}

// What the runner says about itself behind every file.
const ownFigures = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /

const startedAtMs = performance.now()
const checks =
  words.length === 0
    ? [
        'biome check --error-on-warnings',
        'tsc --noEmit',
        'tsc --noEmit -p packages/firebreak/tsconfig.build.json',
        'tsc -p apps/logiflow',
      ]
    : []
// The tests run all the same: one look shows everything that is wrong.
const broken = checks.filter((step) => !holds(step))
const files = globSync(['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts'], { cwd: repository })
  .filter((path) => !path.includes('node_modules'))
  .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
  .sort()
const outcome: Outcome = { passed: 0, failures: [], skips: new Map() }
/** File -> the end of what it said to stderr. */
const lastWords = new Map<string, string>()
const unreported = new Set<string>()
const cores = availableParallelism()
await runTests(
  files.filter((path) => !alone.has(path)),
  cores,
)
await runTests(
  files.filter((path) => alone.has(path)),
  1,
)
report(outcome)
const isGreen = outcome.failures.length === 0 && outcome.passed > 0 && broken.length === 0
process.exit(isGreen && (outcome.skips.size === 0 || !mayNotSkip) ? 0 : 1)

function holds(step: string): boolean {
  const [program = '', ...args] = step.split(' ')
  console.log(`> ${step}`)
  const path = join(repository, 'node_modules/.bin', program)
  return spawnSync(path, args, { cwd: repository, stdio: 'inherit' }).status === 0
}

async function runTests(paths: readonly string[], concurrency: number): Promise<void> {
  if (paths.length === 0) return
  console.log(`> ${paths.length} test files, ${concurrency} at a time`)
  for (const path of paths) unreported.add(path)
  const silence = setTimeout(giveUp, silenceMaxMs)
  const stream = run({ files: paths.map((path) => join(repository, path)), concurrency, execArgv: preload })
  for await (const { type, data } of stream) {
    silence.refresh()
    if (type === 'test:pass') countPass(data)
    else if (type === 'test:fail') countFailure(data)
    else if (type === 'test:stderr') keepWords(nameOf(data.file), data.message)
    else if (type === 'test:diagnostic' && !ownFigures.test(data.message)) console.log(`     ${data.message}`)
    else if (type === 'test:summary' && data.file !== undefined) {
      const { tests, failed } = { tests: data.counts.tests, failed: data.counts.failed + data.counts.cancelled }
      const mark = data.success ? 'ok  ' : 'FAIL'
      const took = `${(data.duration_ms / 1000).toFixed(1)} s`
      console.log(`${mark} ${nameOf(data.file)}  ${tests} tests${failed > 0 ? `, ${failed} failed` : ''}, ${took}`)
      unreported.delete(nameOf(data.file))
    }
  }
  clearTimeout(silence)
}

function keepWords(file: string, message: string): void {
  lastWords.set(file, `${lastWords.get(file) ?? ''}${message}`.slice(-4000))
}

function giveUp(): void {
  report(outcome)
  console.log(`\nFAIL nothing was reported for ${silenceMaxMs / 1000} s. Not finished: ${[...unreported].join(', ')}`)
  process.exit(1)
}

interface Finished {
  readonly name: string
  readonly file?: string | undefined
  readonly skip?: string | boolean | undefined
  readonly todo?: string | boolean | undefined
  readonly details: { readonly type?: string | undefined; readonly error?: Error | undefined }
}

function countPass(test: Finished): void {
  const reason = test.skip ?? test.todo
  if (reason === undefined || reason === false) {
    if (test.details.type !== 'suite') outcome.passed++
    return
  }
  const text = typeof reason === 'string' && reason !== '' ? reason : 'no reason given'
  outcome.skips.set(text, [...(outcome.skips.get(text) ?? []), test.name])
}

// A parent fails with its child; only the child says why.
function countFailure(test: Finished): void {
  const error = test.details.error as (Error & { failureType?: string }) | undefined
  if (error?.failureType === 'subtestsFailed') return
  const file = nameOf(test.file ?? '')
  // A file that fails as a whole, not by a test, has said why to stderr.
  const isWholeFile = nameOf(test.name) === file
  if (isWholeFile) {
    unreported.delete(file)
    console.log(`FAIL ${file}`)
  } else console.log(`     failed: ${test.name}`)
  outcome.failures.push({
    name: isWholeFile ? 'the whole file' : test.name,
    file,
    error: isWholeFile ? (lastWords.get(file) ?? error) : (error?.cause ?? error),
  })
}

function report({ passed, failures, skips }: Outcome): void {
  const skipped = [...skips.values()].flat().length
  for (const { name, file, error } of failures) {
    console.log(`\nFAIL ${file}\n     ${name}`)
    console.log(indented(error instanceof Error ? (error.stack ?? error.message) : String(error)))
  }
  if (skipped > 0) console.log(mayNotSkip ? `\nFAIL skipped, with ${flag}:` : '\nSkipped:')
  for (const [reason, names] of skips) console.log(`  ${names.length} x ${reason}`)
  for (const step of broken) console.log(`\nFAIL ${step}`)
  console.log(`\n${passed} passed, ${failures.length} failed, ${skipped} skipped`)
  console.log(`in ${((performance.now() - startedAtMs) / 1000).toFixed(0)} s on ${cores} cores`)
}

function nameOf(file: string): string {
  return relative(repository, file)
}

function indented(text: string): string {
  return text.replace(/^/gm, '     ')
}
