/** What the supervisor and its children tell each other over IPC. */
export type ServiceStatus = {
  /** Of the process: that of the service, and a number where several instances run. */
  readonly name: string
  readonly service: string
  readonly state: 'starting' | 'up' | 'waiting' | 'stopped'
  readonly pid: number | null
  readonly port: number | null
  readonly crashes: number
  /** When this state began. */
  readonly sinceMs: number
  /** When a waiting child is started again. */
  readonly restartAtMs: number | null
  /** How the last life ended; empty while it goes well. */
  readonly note: string
}

/** What must be known to a service before the replay of a letter can succeed, and whether it is. */
export type LetterFix = { readonly tariffId: string; readonly isDone: boolean }

export type LetterSummary = {
  readonly service: string
  readonly id: string
  readonly eventType: string
  readonly key: string
  /** The customer's order that the message is about; null when it is about none. */
  readonly orderId: string | null
  readonly message: string
  readonly attempts: number
  readonly atMs: number
  readonly state: 'open' | 'replaying'
  /** null: nothing that LogiFlow knows of. */
  readonly fix: LetterFix | null
}

/** A dead letter that was replayed and handled. */
export type ReplayResult = Pick<LetterSummary, 'service' | 'id' | 'eventType' | 'key' | 'orderId'> & {
  readonly atMs: number
}

/** What waits for a service in the log. */
export type Queue = {
  /** Records that it has not finished, without those that are always on their way. */
  readonly waiting: number
  /** Since when something waits; null while nothing does. */
  readonly sinceMs: number | null
  /** `waiting` of the last looks, two a second, the newest last. */
  readonly history: readonly number[]
}

/** What a person on call sees; taken by the supervisor, which is nobody's dependency. */
export type OpsSnapshot = {
  readonly atMs: number
  readonly services: readonly ServiceStatus[]
  readonly queues: Readonly<Record<string, Queue>>
  readonly letters: readonly LetterSummary[]
  /** Of the last minutes, the newest first. */
  readonly replays: readonly ReplayResult[]
}

export type Command =
  /** All instances of the service; they are started again like after any crash. */
  | { readonly do: 'crash'; readonly service: string }
  /** All instances of the service; nothing starts them again but the next one. */
  | { readonly do: 'stop'; readonly service: string }
  | { readonly do: 'start'; readonly service: string }
  /** Customers order all at once. */
  | { readonly do: 'burst'; readonly orders: number }
  | { readonly do: 'replay'; readonly service: string; readonly id: string }

export type ToChild =
  | { readonly kind: 'stop' }
  | { readonly kind: 'ops'; readonly ops: OpsSnapshot }
  | { readonly kind: 'burst'; readonly orders: number }

export type FromChild =
  | { readonly kind: 'up'; readonly port: number | null }
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'notice'; readonly text: string }
