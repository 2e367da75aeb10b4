/** Entry of a process that publishes: some keys straight to the log, some through its outbox, and bad records between. */
import { setMaxListeners } from 'node:events'
import { createRuntime, isFirebreakError, type Log, type LogRecord, type Runtime, service } from 'firebreak'
import { type Act, actsOn, drawAct, type OddRecord, oddRecords } from 'firebreak/testing'
import {
  followedTopic,
  type HostileOrder,
  identityOf,
  ignoredType,
  type Order,
  OrderDoomed,
  type OrderEvent,
  OrderHostile,
  OrderLethal,
  OrderPlaced,
  oddKey,
  ordersTopic,
} from '../history/events.ts'
import { type History, historyFolder, openHistory } from '../history/history.ts'
import { type Random, seeded } from '../history/random.ts'
import { recordedLog } from '../history/recorded-log.ts'
import { type ChildPlace, fail, runChild, tell, type Work } from './child.ts'
import { openDatabase, openLog } from './engines.ts'

const keysOfEachKind = 12
/** Of the orders of a hostile run. */
const hostileShare = 0.25
/** Without a key it is in any partition: whose it was when it was handled could not be judged. */
const oddKinds = oddRecords.filter(({ name }) => name !== 'key-none')
const pauseMs = { least: 40, more: 240 } as const
/** Orders of one life stay below it, so that a restarted producer goes on above everything it may have sent before. */
const seqPerGeneration = 1_000_000

interface Producer {
  readonly place: ChildPlace
  readonly log: Log
  readonly history: History
  /** Publishes through its outbox. */
  readonly runtime: Runtime
  /** Publishes straight to the log. */
  readonly direct: Runtime
  readonly random: Random
  /** What its orders ask the service to do to itself. */
  readonly acts: readonly Act[]
  readonly stopped: AbortSignal
}

if (import.meta.main) await runChild(start)

async function start(place: ChildPlace): Promise<Work> {
  const { folder, slot, generation, seed, spec } = place
  const history = openHistory(historyFolder(folder), `${slot}/${generation}`)
  const log = recordedLog(await openLog(spec), history)
  const database = await openDatabase(spec, slot)
  const definition = service({ name: slot, publishes: [OrderPlaced, OrderDoomed, OrderLethal, OrderHostile] })
  const quiet = new AbortController()
  // One listener for each line that pauses.
  setMaxListeners(0, quiet.signal)
  const runtime = createRuntime({ service: definition, log, database, observe: false })
  const direct = createRuntime({ service: definition, log: insistent(log, quiet.signal), observe: false })
  await runtime.start()
  await direct.start()
  const random = seeded(seed * 7919 + generation * 104_729 + slot.charCodeAt(slot.length - 1))
  const acts = place.hostile ? actsOn(database.capabilities.dialect) : []
  const producer = { place, log, history, runtime, direct, random, acts, stopped: quiet.signal }
  const odd = place.hostile ? [oddLine(producer)] : []
  const lines = Promise.all([...linesOf(producer), duplicateLine(producer), oversizeLine(producer), ...odd])
  lines.catch(fail)
  return {
    done: runtime.done,
    command: ({ do: what }) => (what === 'quiet' ? quiet.abort() : publishLethal(producer)),
    async stop() {
      quiet.abort()
      await lines
      await direct.stop()
      await runtime.stop()
      await log.close()
      await database.close()
    },
  }
}

/** Appends again what has an unknown outcome, until it is acknowledged: the same event under its id, perhaps a second time. */
function insistent(log: Log, stopped: AbortSignal): Log {
  const append: Log['append'] = async (records) => {
    for (;;) {
      try {
        return await log.append(records)
      } catch (error) {
        if (stopped.aborted || !isFirebreakError(error, 'FB_LOG_UNAVAILABLE')) throw error
        process.stderr.write(`appending again: ${error.message}\n`)
        await new Promise((resolve) => setTimeout(resolve, pauseMs.more))
      }
    }
  }
  return { ...log, append }
}

function linesOf(producer: Producer): Promise<void>[] {
  return Array.from({ length: keysOfEachKind }, (_, i) => [
    keyLine(producer, `${producer.place.slot}-direct-${i}`, publishDirect),
    keyLine(producer, `${producer.place.slot}-outbox-${i}`, publishThroughOutbox),
  ]).flat()
}

type Send = (producer: Producer, event: OrderEvent, order: Order) => Promise<void>

// One line per key: nothing else publishes under it, so that its order is known.
async function keyLine(producer: Producer, key: string, send: Send): Promise<void> {
  const { random, place, stopped } = producer
  for (let n = 0; !stopped.aborted; ) {
    const under: Promise<void>[] = []
    for (let left = 1 + random.below(3); left > 0; left--) {
      const seq = place.generation * seqPerGeneration + n++
      const order = { uid: `${key}:${seq}`, key, seq }
      under.push(settled(random.chance(0.985) ? sendGood(producer, send, order) : sendBad(producer, order)))
    }
    await Promise.all(under)
    await pause(producer)
  }
}

function sendGood(producer: Producer, send: Send, order: Order): Promise<void> {
  const { acts, random } = producer
  if (acts.length > 0 && random.chance(hostileShare)) {
    const hostile: HostileOrder = { ...order, act: drawCalmly(acts, random).name }
    return send(producer, OrderHostile, hostile)
  }
  return send(producer, random.chance(0.01) ? OrderDoomed : OrderPlaced, order)
}

/** Seldom one that makes everybody wait: a run of nothing else would stand still and show nothing. */
function drawCalmly(acts: readonly Act[], random: Random): Act {
  for (;;) {
    const act = drawAct(acts, { random: random.next })
    if (act.holds !== true || random.chance(0.05)) return act
  }
}

async function publishDirect({ direct }: Producer, event: OrderEvent, order: Order): Promise<void> {
  await direct.publish(event, order)
  tell({ acked: [order.uid] })
}

async function publishThroughOutbox({ runtime }: Producer, event: OrderEvent, order: Order): Promise<void> {
  await runtime.transaction(async (tx) => {
    await tx.query('INSERT INTO sent (uid) VALUES ($1)', [order.uid])
    tx.publish(event, order)
  })
  tell({ acked: [order.uid] })
}

// Bytes that are no JSON, a payload that breaks the schema, or a type that nobody handles.
async function sendBad({ log, random }: Producer, order: Order): Promise<void> {
  const kind = random.below(3)
  const bytes = kind === 0 ? Uint8Array.of(0xff, 0xfe, 0x00) : Buffer.from(JSON.stringify({ ...order, seq: 'none' }))
  const record: LogRecord = {
    topic: ordersTopic,
    key: order.key,
    value: bytes,
    headers: {
      ce_specversion: '1.0',
      ce_id: crypto.randomUUID(),
      ce_source: '/poison',
      ce_type: kind === 2 ? ignoredType : OrderPlaced.type,
      ce_schemaversion: '1',
    },
  }
  await log.append([record])
  if (kind !== 2) tell({ acked: [identityOf(record)] })
}

/** Appends records that are in the log already again, under their old event ids. */
async function duplicateLine(producer: Producer): Promise<void> {
  const { log, random, stopped } = producer
  while (!stopped.aborted) {
    await pause(producer)
    await settled(duplicateOne(log, random))
  }
}

async function duplicateOne(log: Log, random: Random): Promise<void> {
  const topics = await log.inspect().topics()
  const topic = topics.find(({ name }) => name === (random.chance(0.7) ? ordersTopic : followedTopic))
  const end = random.pick(topic?.ends ?? [])
  if (topic === undefined || end === undefined || end.next === 0) return
  const at = { topic: topic.name, partition: end.partition, offset: random.below(end.next) }
  const [found] = await log.inspect().read(at, 1)
  // Every copy of a lethal one would take three lives again.
  if (found === undefined || found.headers['ce_type'] === OrderLethal.type) return
  await log.append([{ topic: found.topic, key: found.key, value: found.value, headers: found.headers }])
}

/** What the log refuses must not be found in it later. */
async function oversizeLine(producer: Producer): Promise<void> {
  const { log, place, stopped } = producer
  const value = new Uint8Array(log.capabilities.recordBytesMax + 1)
  while (!stopped.aborted) {
    await pause(producer)
    const headers = { ce_specversion: '1.0', ce_id: crypto.randomUUID(), ce_source: '/oversize', ce_type: ignoredType }
    const refused = log.append([{ topic: ordersTopic, key: `${place.slot}-oversize`, value, headers }])
    await refused.then(
      () => fail(new Error('the log took a record that is too large')),
      (error) => {
        if (!isFirebreakError(error, 'FB_RECORD_TOO_LARGE')) throw error
      },
    )
  }
}

/** Appends what no publisher of firebreak writes, each under a key of its own. */
async function oddLine(producer: Producer): Promise<void> {
  const { history, place, random, stopped } = producer
  for (let n = 0; !stopped.aborted; n++) {
    await pause(producer)
    const odd = random.pick(oddKinds)
    if (odd === undefined) return
    const key = oddKey(odd.name, `${place.slot}/${place.generation}.${n}`)
    history.note({ f: 'act', type: 'info', group: 'producers', value: { act: odd.name, uid: key } })
    await settled(sendOdd(producer, odd, { uid: key, key, seq: 0 }))
  }
}

async function sendOdd({ log }: Producer, odd: OddRecord, order: Order): Promise<void> {
  const good: LogRecord = {
    topic: ordersTopic,
    key: order.key,
    value: Buffer.from(JSON.stringify(order)),
    headers: { ce_specversion: '1.0', ce_id: order.uid, ce_source: '/odd', ce_type: OrderPlaced.type },
  }
  const record = odd.of(good)
  if (odd.ends !== 'refused') {
    await log.append([record])
    return tell({ acked: [identityOf(record)] })
  }
  await log.append([record]).then(
    () => fail(new Error(`the log took a record with ${odd.name}`)),
    (error) => {
      if (!isFirebreakError(error, 'FB_RECORD_REFUSED')) throw error
    },
  )
}

function publishLethal(producer: Producer): void {
  const key = `${producer.place.slot}-lethal`
  const uid = `${key}:${crypto.randomUUID()}`
  const published = producer.direct.publish(OrderLethal, { uid, key, seq: 0 }).then(() => tell({ acked: [uid] }))
  settled(published).catch(fail)
}

/** A log that is away for longer than it may says "unknown": the record counts as produced only if it is found. */
async function settled(sent: Promise<void>): Promise<void> {
  try {
    await sent
  } catch (error) {
    if (!isFirebreakError(error) || error.kind !== 'transient') throw error
    process.stderr.write(`${error.message}\n`)
  }
}

function pause({ random, stopped, place }: Producer): Promise<void> {
  return new Promise((resolve) => {
    if (stopped.aborted) return resolve()
    const timer = setTimeout(done, (pauseMs.least + random.below(pauseMs.more)) * place.pace)
    stopped.addEventListener('abort', done, { once: true })
    function done(): void {
      clearTimeout(timer)
      stopped.removeEventListener('abort', done)
      resolve()
    }
  })
}
