import { Agent, request } from 'node:http'
import { after } from '../platform/machine.ts'

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })

export type Exchange = {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly body?: string
  /** 0: waits forever. */
  readonly timeoutMs: number
}

/** One HTTP exchange on kept-alive connections. Rejects when the connection breaks or the time is up. */
export const exchange = (call: Exchange): Promise<{ readonly status: number; readonly body: string }> =>
  new Promise((resolve, reject) => {
    const headers =
      call.body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(call.body) }
    const sent = request(call.url, { method: call.method, agent, headers }, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      answer.once('error', reject)
      answer.once('end', () => {
        clearTimeout(timer)
        resolve({ status: answer.statusCode ?? 0, body })
      })
    })
    const giveUp = (): void => void sent.destroy(new Error(`no answer within ${call.timeoutMs} ms`))
    const timer = call.timeoutMs > 0 ? after(call.timeoutMs, giveUp) : undefined
    sent.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    sent.end(call.body)
  })
