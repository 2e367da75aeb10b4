import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Request } from './arguments.ts'
import { type Containers, startContainers, stopContainers } from './docker.ts'
import { allEnded, InfraError, messageOf } from './failure.ts'
import { createKafka, type KafkaCluster, openKafka } from './kafka-cluster.ts'
import { kafkaJarsFolder } from './kafka-jars.ts'
import { endLeftBehind, removeAllButLogs } from './left-behind.ts'
import { lookAtKafka } from './look.ts'
import { freePorts } from './ports.ts'
import { proveKafka, untilItWorks } from './readiness.ts'
import { brokersOf, type KafkaState, readState, writeState } from './state.ts'
import { findJava, hasDocker, hasProgram, install, javaPackage } from './tools.ts'
import type { Work } from './work.ts'

// The first port to try, here and in compose.yaml. See ports.ts for why it is that low.
const firstPort = 19_092

/** Makes sure that Kafka answers: the one that is given, the one that was started, or a new one. */
export async function bringUpKafka(request: Request, work: Work): Promise<void> {
  if (work.given.brokers !== undefined) return await checkGiven(request, work)
  const { kafka } = readState(request.folder)
  if (kafka !== undefined) return await bringBack(request, kafka, work)
  const folder = join(request.folder, 'kafka')
  // What runs or lies there without being in the state.
  await endLeftBehind(folder)
  removeAllButLogs(folder)
  const nodes = request.nodes ?? 1
  if (!request.secure && hasDocker()) {
    work.onProgress(`kafka: Docker answers, starting ${nodes === 1 ? 'a container' : `${nodes} containers`}`)
    if (await couldStartContainers(request, nodes, work)) return
  }
  await needTools(request.secure, work)
  work.onProgress('kafka: taking the one from Maven Central, on Java')
  try {
    const { onProgress, signal } = work
    const cluster = await createKafka({ folder, nodes, secure: request.secure, firstPort, onProgress, signal })
    await start(request, cluster, work.now(), work)
  } catch (error) {
    writeState(request.folder, { kafka: undefined })
    removeAllButLogs(folder)
    throw error
  }
}

async function checkGiven({ nodes, secure }: Request, { given, onProgress }: Work): Promise<void> {
  if (secure) throw new InfraError('KAFKA_BROKERS is set: unset it for a listener of our own with --secure', 2)
  onProgress('kafka: KAFKA_BROKERS is set, starting nothing')
  const { answers = false, problem = null, brokersSeen = 0 } = (await lookAtKafka(given, undefined)) ?? {}
  if (!answers) throw new InfraError(`KAFKA_BROKERS is set to ${given.brokers?.join()}, which ${problem}`)
  if (nodes !== undefined && nodes !== brokersSeen)
    throw new InfraError(`KAFKA_BROKERS leads to a cluster of ${brokersSeen}, and --nodes ${nodes} is asked for`, 2)
}

async function bringBack(request: Request, kafka: KafkaState, work: Work): Promise<void> {
  const there = brokersOf(kafka).length
  const isSecure = kafka.how === 'java' && kafka.cluster.secure !== null
  const other =
    request.nodes !== undefined && request.nodes !== there
      ? `a Kafka with ${there === 1 ? '1 node' : `${there} nodes`}`
      : request.secure && !isSecure
        ? 'a Kafka without a secured listener'
        : undefined
  if (other !== undefined)
    throw new InfraError(`there is ${other} already; "npm run infra -- down kafka" ends it and deletes its data`, 2)
  if (kafka.how === 'docker') {
    await startContainers(request.folder, kafka, work.signal)
    await proveContainers(kafka, work)
  } else await start(request, openKafka(kafka.cluster), kafka.startedAt, work)
}

/** Starts the nodes that do not run. When that fails, they are killed, and the others are left alone. */
async function start(request: Request, cluster: KafkaCluster, startedAt: string, work: Work): Promise<void> {
  const absent = cluster.nodes.filter((node) => !node.isRunning())
  const save = (at: string): void =>
    writeState(request.folder, { kafka: { how: 'java', startedAt: at, cluster: cluster.record } })
  try {
    const ids = absent.map(({ id }) => id).join(', ')
    work.onProgress(ids === '' ? 'kafka: runs already' : `kafka: starting node ${ids}`)
    // Before: "up" completes and "down" ends what is in the state, whatever becomes of this command.
    save(startedAt)
    await allEnded(absent.map((node) => node.start()))
    save(absent.length === cluster.nodes.length ? work.now() : startedAt)
    await cluster.ready({ signal: work.signal })
  } catch (error) {
    await allEnded(absent.map((node) => node.kill()))
    throw error
  }
}

// An engine that answers may still be unable to fetch an image.
async function couldStartContainers(request: Request, nodes: number, work: Work): Promise<boolean> {
  const containers = nodes === 1 ? ['kafka'] : ['kafka-1', 'kafka-2', 'kafka-3']
  const started = { containers, ports: await freePorts(containers.map((_, index) => firstPort + 100 * index)) }
  // Before, as with the other way.
  writeState(request.folder, { kafka: { how: 'docker', startedAt: work.now(), ...started } })
  try {
    await startContainers(request.folder, started, work.signal)
    await proveContainers(started, work)
    return true
  } catch (error) {
    // What cannot be stopped now stays in the state, for "down".
    await stopContainers(request.folder, containers, false).then(
      () => writeState(request.folder, { kafka: undefined }),
      () => {},
    )
    if (!(error instanceof InfraError)) throw error
    work.onProgress(`kafka: Docker could not: ${messageOf(error)}`)
    return false
  }
}

const proveContainers = ({ ports }: Containers, { signal }: Work): Promise<void> =>
  untilItWorks(
    () =>
      proveKafka(
        ports.map((port) => `127.0.0.1:${port}`),
        ports.length,
      ),
    { signal, fault: () => undefined },
  )

async function needTools(secure: boolean, { onProgress }: Work): Promise<void> {
  const missing: string[] = []
  if (findJava() === undefined) missing.push(javaPackage())
  if (!existsSync(kafkaJarsFolder) && !hasProgram('mvn', '-v')) missing.push('maven')
  if (secure && !hasProgram('openssl', 'version')) missing.push('openssl')
  if (missing.length > 0) await install('What Kafka needs', missing, onProgress)
}
