/** Entry of a process that runs one instance of a service. */
import { type ChildPlace, runChild, type Work } from './child.ts'
import { startInstance } from './instance.ts'

await runChild(start)

function start(place: ChildPlace): Promise<Work> {
  const { slot, generation } = place
  return startInstance(slot.startsWith('first') ? 'first' : 'second', `${slot}/${generation}`, place)
}
