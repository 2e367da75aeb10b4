/** Entry of every process of a run: does what its parent orders over the IPC channel, and ends with it. */
import { isFirebreakError } from 'firebreak'
import { errorMessage, systemClock } from 'firebreak/internal'
import type { QueueEdge, ServiceModel } from '../../model/scenario.ts'
import type { ProcessRole } from './process-role.ts'
import type { KnownError, News, Order, Setup } from './protocol.ts'
import { LiveTime } from './time.ts'

let setup: Setup | undefined
let part: ProcessRole | undefined

// The parent ends this process, or is gone itself; what interrupts the parent's terminal is for the parent alone.
process.on('disconnect', () => process.exit(0))
process.on('SIGINT', () => undefined)
process.on('message', (order: Order) => {
  follow(order).then(
    (value) => tell({ kind: 'answer', value }),
    (error) => tell({ kind: 'failed', reason: reasonOf(error), known: knownOf(error) }),
  )
})

const tell = (news: News): void => void process.send?.(news)

const reasonOf = (error: unknown): string => (error instanceof Error && error.stack) || errorMessage(error)

function knownOf(error: unknown): KnownError | null {
  if (!isFirebreakError(error)) return null
  const detail = Object.entries(error.detail).map(([name, value]) => [name, String(value)])
  return { code: error.code, detail: Object.fromEntries(detail) }
}

async function follow(order: Order): Promise<unknown> {
  switch (order.kind) {
    case 'set-up':
      setup = order.setup
      part = await open(setup)
      return part.port
    case 'connect':
      return part?.connect(order.ports)
    case 'start':
      return part?.start(new LiveTime({ system: systemClock, startsAtMs: order.atMs, dilation: setup?.dilation ?? 1 }))
    case 'status':
      return part?.status()
    case 'report':
      return part?.report()
    case 'stop':
      return part?.stop()
  }
}

// A process loads what it needs for its role: with many of them, the rest would take most of the time of the start.
async function open(given: Setup): Promise<ProcessRole> {
  const { role, arm } = given
  switch (role.kind) {
    case 'load':
      return (await import('./load.ts')).openLoad(given)
    case 'broker':
      return (await import('./broker.ts')).openBroker(given)
    case 'service': {
      const model = arm.services.find(({ name }) => name === role.service) as ServiceModel
      return (await import('./service.ts')).openService(given, model)
    }
    case 'consumer': {
      const edge = arm.edges.find(({ id }) => id === role.edge) as QueueEdge
      return (await import('./consumer.ts')).openConsumer(given, edge)
    }
  }
}
