/** Entry of a process that makes rebalances: while it is told to, an instance of each service joins and leaves, again and again. */
import { isFirebreakError } from 'firebreak'
import { type ChildPlace, type Command, runChild, type Work } from './child.ts'
import { startInstance } from './instance.ts'
import { type ServiceName, serviceNames } from './services.ts'

/** How long a member stays, and stays away. */
const stayMs = 1500
/** Members of each service, one half of a turn apart. */
const membersOfEach = 2

await runChild(start)

async function start(place: ChildPlace): Promise<Work> {
  let visits = 0
  const failed = Promise.withResolvers<never>()
  let storm: AbortController | undefined
  let members: Promise<unknown> = Promise.resolve()
  const begin = (): void => {
    if (storm !== undefined && !storm.signal.aborted) return
    const current = new AbortController()
    storm = current
    const { signal } = current
    const joinAndLeave = async (name: ServiceName, delayMs: number): Promise<void> => {
      await pause(signal, delayMs)
      while (!signal.aborted) await visit(name, signal)
    }
    const visit = async (name: ServiceName, until: AbortSignal): Promise<void> => {
      try {
        const work = await startInstance(name, `${place.slot}/${place.generation}.${++visits}`, place)
        work.done.catch(failed.reject)
        await pause(until, stayMs)
        await work.stop()
      } catch (error) {
        if (!isFirebreakError(error) || error.kind !== 'transient') throw error
        process.stderr.write(`${error.message}\n`)
      }
      await pause(until, stayMs)
    }
    const all = (): Promise<void>[] =>
      Array.from({ length: membersOfEach }, (_, i) =>
        serviceNames.map((name) => joinAndLeave(name, (i * stayMs) / membersOfEach)),
      ).flat()
    members = members.then(() => Promise.all(all()))
    members.catch(failed.reject)
  }
  return {
    done: failed.promise,
    command: ({ do: what }: Command) => (what === 'storm' ? begin() : storm?.abort()),
    async stop() {
      storm?.abort()
      await members
    },
  }
}

function pause(until: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (until.aborted) return resolve()
    const timer = setTimeout(resolve, ms)
    until.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
