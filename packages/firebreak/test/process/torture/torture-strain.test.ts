/** What is done to servers, with servers and a crew that do at once what they are asked. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { KafkaCluster, KafkaNode } from '../../../../../scripts/infra/kafka-cluster.ts'
import type { PostgresServer } from '../../../../../scripts/infra/postgres-server.ts'
import { noFaults, type ServerFaults, type StrainOptions, strain } from '../../../torture/faults/server-faults.ts'
import { seeded } from '../../../torture/history/random.ts'
import type { Crew } from '../../../torture/process/crew.ts'
import type { Servers } from '../../../torture/process/site.ts'

type Watched = Parameters<typeof strain>[0]

/** Handles as much as anybody waits for; no time passes. */
function eagerCrew(): Watched {
  const tally = { handled: 0, problems: [] as string[] } as unknown as Crew['tally']
  return {
    tally,
    isHopeless: false,
    isUp: () => true,
    tell: () => undefined,
    async until(condition, _timeoutMs, signal) {
      await new Promise((resolve) => setImmediate(resolve))
      tally.handled += 1000
      return !signal.aborted && condition()
    },
  }
}

function serversThat(kafkaReady: () => Promise<void>): Servers {
  const done = (): Promise<void> => Promise.resolve()
  const node = { kill: done, start: done, pause: () => undefined, resume: () => undefined } as unknown as KafkaNode
  const postgres = { stop: done, quit: done, start: done, ready: done } as unknown as PostgresServer
  const proxy = { port: 0, cut: () => undefined, heal: () => undefined, close: done }
  return { kafka: { nodes: [node], ready: kafkaReady } as unknown as KafkaCluster, proxies: [proxy], postgres }
}

const optionsWith = (servers: Servers, seed: number): StrainOptions => ({
  servers,
  random: seeded(seed),
  signal: new AbortController().signal,
  isOver: () => true,
  brokerFaultsMin: 1,
  stormsMin: 1,
  onFault: () => undefined,
})

test('whatever comes first, servers are not let off before each kind of fault has been', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const faults: ServerFaults = noFaults()
    await strain(
      eagerCrew(),
      faults,
      optionsWith(
        serversThat(() => Promise.resolve()),
        seed,
      ),
    )
    for (const [kind, times] of Object.entries(faults)) assert.ok(times >= 1, `seed ${seed}: no ${kind}`)
  }
})

test('a server that does not come back ends the strain with its error, storms included', async () => {
  const away = serversThat(() => Promise.reject(new Error('not ready after 90 s')))
  const options = { ...optionsWith(away, 1), isOver: () => false }
  await assert.rejects(strain(eagerCrew(), noFaults(), options), /not ready after 90 s/)
})

test('a storm at whose end nobody is there to have made it does not count', async () => {
  const crew = eagerCrew()
  let storms = 0
  const tell: Watched['tell'] = (_, { do: what }) => void (what === 'storm' && storms++)
  const faults = noFaults()
  const servers = serversThat(() => Promise.resolve())
  // The process is away in the first three.
  await strain({ ...crew, tell, isUp: () => storms > 3 }, faults, optionsWith(servers, 1))
  assert.equal(faults.storms, storms - 3)
})
