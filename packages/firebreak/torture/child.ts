/** The life of one process under torture; `producer.ts` and `consumer.ts` are its two kinds. */

/** Child to parent. What a child says is said after it has become durable. */
export interface News {
  readonly ready?: true
  /** Identities of records that the library has acknowledged. */
  readonly acked?: readonly string[]
  /** Records handled since the last news. */
  readonly handled?: number
}

/** Parent to child. */
export interface Command {
  readonly do: 'quiet' | 'lethal'
}

export interface ChildPlace {
  readonly folder: string
  /** Which place in the crew this process fills. */
  readonly slot: string
  /** Rises with every restart of the place. */
  readonly generation: number
  readonly seed: number
}

export interface Work {
  stop(): Promise<void>
  command?(command: Command): void
  /** Rejects when the runtime had to halt. */
  readonly done: Promise<void>
}

export const childArguments = ({ folder, slot, generation, seed }: ChildPlace): string[] => [
  folder,
  slot,
  String(generation),
  String(seed),
]

export function tell(news: News): void {
  // The parent may be gone; `disconnect` ends this process then.
  if (process.connected) process.send?.(news, () => undefined)
}

/** Starts the work and ends with it: SIGTERM stops it in order, the parent's end or an error at once. */
export async function runChild(start: (place: ChildPlace) => Promise<Work>): Promise<void> {
  const [folder = '.', slot = '', generation = '0', seed = '0'] = process.argv.slice(2)
  process.on('disconnect', () => process.exit(0))
  // Ctrl-C reaches the whole process group: the torturer decides what comes of it.
  process.on('SIGINT', () => undefined)
  const asked = new Promise<void>((resolve) => void process.once('SIGTERM', () => resolve()))
  try {
    const work = await start({ folder, slot, generation: Number(generation), seed: Number(seed) })
    work.done.catch(fail)
    process.on('message', (message) => work.command?.(message as Command))
    tell({ ready: true })
    await asked
    await work.stop()
    process.removeAllListeners('disconnect')
    // From here on nothing may keep the process alive: if something does, the torturer reports it.
    if (process.connected) process.disconnect?.()
  } catch (error) {
    fail(error)
  }
}

export function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`, () => process.exit(1))
}
