import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { InfraError } from './failure.ts'
import { hasProgram, runToEnd } from './tools.ts'

const pom = join(import.meta.dirname, 'pom.xml')

/** The version of Kafka that everything here is tested with. */
export const kafkaVersion: string =
  /<artifactId>kafka_2\.13<\/artifactId>\s*<version>([\d.]+)</.exec(readFileSync(pom, 'utf8'))?.[1] ?? '?'

/** Where the jars are kept, for all clusters of this checkout. */
export const kafkaJarsFolder: string = join(import.meta.dirname, '../../.firebreak/infra', `kafka-${kafkaVersion}`)

/** The class path of a broker. Jars that are not there yet come from Maven Central. */
export async function kafkaClassPath(onProgress: (line: string) => void, signal?: AbortSignal): Promise<string> {
  if (!existsSync(kafkaJarsFolder)) await fetchJars(onProgress, signal)
  return join(kafkaJarsFolder, '*')
}

async function fetchJars(onProgress: (line: string) => void, signal?: AbortSignal): Promise<void> {
  if (!hasProgram('mvn', '-v'))
    throw new InfraError('Maven is missing, which fetches Kafka: on Debian, apt-get install maven')
  onProgress(`kafka: fetching Kafka ${kafkaVersion} from Maven Central`)
  const parent = dirname(kafkaJarsFolder)
  mkdirSync(parent, { recursive: true })
  // Only a folder that is complete gets the name: a run that is cut short, or two at once, leave no half of it behind.
  const fresh = mkdtempSync(join(parent, 'fetching-'))
  try {
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${fresh}`, '-DincludeScope=runtime']
    await runToEnd('mvn', ['-q', '-B', '-C', '-f', pom, ...goal], { signal })
    chmodSync(fresh, 0o755)
    if (!existsSync(kafkaJarsFolder)) renameSync(fresh, kafkaJarsFolder)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}
