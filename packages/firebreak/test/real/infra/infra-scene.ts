import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { kafkaJarsFolder } from '../../../../../scripts/infra/kafka-jars.ts'
import { findJava, findPostgres } from '../../../../../scripts/infra/tools.ts'

export const repository: string = resolve(import.meta.dirname, '../../../../..')
/** For the `skip` of a test that starts servers of its own. */
export const withoutPostgres: string | false =
  findPostgres() === undefined && 'needs the programs of PostgreSQL: apt-get install postgresql'
export const withoutKafka: string | false =
  (findJava() === undefined || !existsSync(kafkaJarsFolder)) &&
  'needs Java 17 and the jars of Kafka, which "npm run infra -- up kafka" fetches'

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** `npm run infra`. */
export const program: string = join(repository, 'scripts/infra/main.ts')

/** What the environment says, but for servers. */
export function bareEnv(): NodeJS.ProcessEnv {
  const { KAFKA_BROKERS: _, DATABASE_URL: __, ...env } = process.env
  return env
}

/** The program in a process of its own. */
export function infra(...args: readonly string[]): Promise<Ended> {
  return new Promise((ended) => {
    const child = execFile(process.execPath, [program, ...args], { env: bareEnv() }, (_error, out, err) =>
      ended({ code: child.exitCode ?? -1, out, err }),
    )
  })
}

export function privateFolder(t: TestContext, beforeItGoes: (folder: string) => unknown = () => {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-infra-test-'))
  t.after(async () => {
    await beforeItGoes(folder)
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}
