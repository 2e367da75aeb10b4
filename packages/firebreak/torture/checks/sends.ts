import type { Op, Sent } from '../history/history.ts'

/** One record of one append. */
export interface Send extends Sent {
  readonly process: string
  outcome: 'ok' | 'fail' | 'info'
  /** Where the answer says that it is. */
  at: { readonly partition: string; readonly offset: number } | undefined
}

/** By id, in the order of the calls. */
export type Sends = ReadonlyMap<string, Send>

/** Every record that was ever sent, and what came of it as far as its sender knows. */
export function sendsIn(ops: readonly Op[]): Sends {
  const byId = new Map<string, Send>()
  const open = new Map<string, readonly Send[]>()
  for (const op of ops) {
    if (op.f !== 'send') continue
    const call = `${op.process}#${op.call}`
    if (op.type === 'invoke') {
      const { process } = op
      const sends = op.value.map((sent): Send => ({ ...sent, process, outcome: 'info', at: undefined }))
      for (const send of sends) byId.set(send.id, send)
      open.set(call, sends)
      continue
    }
    for (const [i, send] of (open.get(call) ?? []).entries()) {
      send.outcome = op.type
      const place = op.type === 'ok' ? op.value[i] : undefined
      if (place !== undefined) send.at = { partition: place[0], offset: place[1] }
    }
  }
  return byId
}
