/** `npm run infra`: real servers for development and tests. */
import { help, type Part, type Request, readArguments } from './arguments.ts'
import { allEnded, InfraError } from './failure.ts'
import { type Given, givenBy, type KafkaView, lookAtKafka, lookAtPostgres, type PostgresView } from './look.ts'
import { alone, readState } from './state.ts'
import { type TakenDown, takeDownKafka, takeDownPostgres } from './take-down.ts'
import { bringUpKafka } from './up-kafka.ts'
import { bringUpPostgres } from './up-postgres.ts'
import { exportsFor, linesOf } from './words.ts'
import type { Work } from './work.ts'

type Views = { readonly kafka: KafkaView | null; readonly postgres: PostgresView | null }

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (interrupted.signal.aborted) process.exit(130)
    interrupted.abort()
  })
const onProgress = (line: string): void => void process.stderr.write(`${line}\n`)

try {
  const request = readArguments(process.argv.slice(2))
  if (request === undefined) process.stdout.write(help)
  else process.exitCode = await run(request)
} catch (error) {
  if (interrupted.signal.aborted) {
    process.stderr.write('interrupted: what was started by this command is stopped\n')
    process.exitCode = 130
  } else if (error instanceof InfraError) {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = error.exit
  } else throw error
}

async function run(request: Request): Promise<number> {
  if (request.verb === 'down') {
    const how = await alone(request.folder, () => takeDown(request))
    if (request.json) process.stdout.write(`${JSON.stringify(how)}\n`)
    return 0
  }
  if (request.verb === 'up') await alone(request.folder, () => bringUp(request))
  const given = givenBy(process.env, readState(request.folder))
  const views = await lookAt(request, given)
  print(request, views)
  const shown = [views.kafka, views.postgres].filter((view) => view !== null)
  if (shown.length === 0) return 3
  return shown.every(({ answers }) => answers) ? 0 : 1
}

async function takeDown(request: Request): Promise<Readonly<Record<string, TakenDown>>> {
  const steps = { kafka: takeDownKafka, postgres: takeDownPostgres }
  const how = request.parts.map(async (part) => [part, await steps[part](request, onProgress)] as const)
  return Object.fromEntries(await allEnded(how))
}

async function bringUp(request: Request): Promise<void> {
  const given = givenBy(process.env, readState(request.folder))
  const now = (): string => new Date().toISOString()
  const work: Work = { given, onProgress, signal: interrupted.signal, now }
  // One after the other: both may have to install something.
  if (request.parts.includes('kafka')) await bringUpKafka(request, work)
  if (request.parts.includes('postgres')) await bringUpPostgres(request, work)
}

async function lookAt({ folder, parts }: Request, given: Given): Promise<Views> {
  const state = readState(folder)
  const asked = (part: Part): boolean => parts.includes(part)
  const [kafka, postgres] = await Promise.all([
    asked('kafka') ? lookAtKafka(given, state.kafka) : undefined,
    asked('postgres') ? lookAtPostgres(given, state.postgres) : undefined,
  ])
  return { kafka: kafka ?? null, postgres: postgres ?? null }
}

function print({ json, verb, folder }: Request, views: Views): void {
  if (json) process.stdout.write(`${JSON.stringify(views)}\n`)
  else {
    const lines = [...linesOf(views, folder), ...(verb === 'up' ? exportsFor(views, folder) : [])]
    process.stdout.write(`${lines.join('\n')}\n`)
  }
}
