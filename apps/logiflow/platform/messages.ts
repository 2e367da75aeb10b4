/** What the supervisor and its children tell each other over IPC. */
export type ServiceStatus = {
  /** Of the process: that of the service, and a number where several instances run. */
  readonly name: string
  readonly service: string
  readonly state: 'starting' | 'up' | 'waiting' | 'stopped'
  readonly pid: number | null
  readonly port: number | null
  readonly crashes: number
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
  readonly message: string
  readonly attempts: number
  readonly atMs: number
  readonly state: 'open' | 'replaying'
  /** null: nothing that LogiFlow knows of. */
  readonly fix: LetterFix | null
}

/** What a person on call sees; taken by the supervisor, which is nobody's dependency. */
export type OpsSnapshot = {
  readonly atMs: number
  readonly services: readonly ServiceStatus[]
  /** Records in the log that a service has not finished. */
  readonly backlog: Readonly<Record<string, number>>
  readonly letters: readonly LetterSummary[]
}

export type Command =
  /** All instances of the service. */
  | { readonly do: 'crash'; readonly service: string }
  | { readonly do: 'replay'; readonly service: string; readonly id: string }

export type ToChild = { readonly kind: 'stop' } | { readonly kind: 'ops'; readonly ops: OpsSnapshot }

export type FromChild =
  | { readonly kind: 'up'; readonly port: number | null }
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'notice'; readonly text: string }
