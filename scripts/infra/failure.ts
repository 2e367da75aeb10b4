/** Something that the person at the keyboard can fix: the message says what is wrong and what to do. */
export class InfraError extends Error {
  /** What the process ends with: 1 failed, 2 asked for something that cannot be. */
  readonly exit: number

  constructor(message: string, exit = 1) {
    super(message)
    this.name = 'InfraError'
    this.exit = exit
  }
}

export const messageOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
  if (error instanceof Error) return error.message === '' ? error.name : error.message
  return String(error)
}

/** Like Promise.all, but nothing is under way any more when it rejects, with the first failure. */
export async function allEnded<T>(works: readonly Promise<T>[]): Promise<readonly T[]> {
  const outcomes = await Promise.allSettled(works)
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}
