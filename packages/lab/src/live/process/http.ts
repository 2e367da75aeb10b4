/** Requests between the processes of a run: HTTP/1.1 over connections that stay open. */
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Outcome } from '../../sim/visit.ts'

const loopback = '127.0.0.1'

/** What travels with a request, on behalf of whom it is sent. */
export interface RequestIdentity {
  readonly n: number
  readonly salt: number
  readonly key: number
  readonly critical: boolean
}

export interface Question {
  readonly port: number
  readonly identity: RequestIdentity
  /** Time that is left for it; Infinity: as long as it takes. */
  readonly remainingMs: number
}

/** Connections of one process, opened as they are needed and kept. */
export const createAgent = (): Agent =>
  new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: Number.POSITIVE_INFINITY })

/** Requests from one process to one service, by how each ended. */
export interface CallCounts {
  sent: number
  /** An answer came, wanted or not. */
  answered: number
  /** The connection broke before. */
  broken: number
  /** Given up before an answer came. */
  givenUp: number
}

/**
 * Sends a request; `done` is called once, unless it is given up before by the function that this returns.
 *
 * A connection that is reset says that nobody is there, one that ends without an answer that somebody has gone.
 */
export function ask(
  agent: Agent,
  question: Question,
  counts: CallCounts,
  done: (outcome: Outcome) => void,
): () => void {
  let isOver = false
  const end = (how: 'answered' | 'broken' | 'givenUp', outcome?: Outcome): void => {
    if (isOver) return
    isOver = true
    counts[how]++
    if (how !== 'givenUp') done(outcome)
  }
  counts.sent++
  const options = { agent, host: loopback, port: question.port, path: '/', headers: headersOf(question) }
  const sent = request(options, (response) => {
    response.on('error', () => undefined)
    response.resume()
    end('answered', response.headers['x-lab-outcome'] as Outcome)
  })
  sent.on('error', (error: NodeJS.ErrnoException) => end('broken', error.syscall === undefined ? 'crash' : 'refused'))
  sent.end()
  return () => {
    end('givenUp')
    sent.destroy()
  }
}

function headersOf({ identity: { n, salt, key, critical }, remainingMs }: Question): Record<string, string> {
  const headers: Record<string, string> = { 'x-lab-request': `${n} ${salt} ${key}` }
  if (critical) headers['x-priority'] = 'critical'
  if (remainingMs !== Number.POSITIVE_INFINITY) headers['x-request-timeout-ms'] = remainingMs.toFixed(3)
  return headers
}

/** Opens connections and lets both sides warm up: the first requests of a process are far slower than all others. */
export async function warmUp(agent: Agent, port: number): Promise<void> {
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request({ agent, host: loopback, port, path: warmPath }, (response) => {
        response.resume()
        response.on('end', resolve)
      })
      sent.on('error', reject)
      sent.end()
    })
  for (let round = 0; round < warmRounds; round++) await Promise.all(Array.from({ length: warmWidth }, one))
}

const warmPath = '/warm'
const warmRounds = 40
const warmWidth = 8

/** What a service sees of a request. */
export interface Arrival {
  readonly identity: RequestIdentity
  readonly remainingMs: number
  readonly message: IncomingMessage
  readonly response: ServerResponse
}

/** Listens on a free port of the loopback interface. */
export async function listen(
  arrived: (arrival: Arrival) => void,
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((message, response) => {
    response.sendDate = false
    if (message.url === warmPath) response.writeHead(204).end()
    else arrived({ ...identityOf(message), message, response })
  })
  // Callers keep connections for the whole run: one that is closed under a request would look like a failure of the service.
  server.keepAliveTimeout = 0
  server.requestTimeout = 0
  server.headersTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: loopback, port: 0, backlog: 4096 }, resolve)
  })
  return { server, port: (server.address() as AddressInfo).port }
}

/** Answers, or breaks the connection as a process that has gone does. */
export function answer({ message, response }: Arrival, outcome: Outcome): void {
  if (outcome === 'refused') message.socket.resetAndDestroy()
  else if (outcome === 'crash') message.socket.destroy()
  else if (outcome === undefined) response.writeHead(200, { 'content-length': 0 }).end()
  else
    response
      .writeHead(outcome === 'deadline' ? 504 : outcome === 'error' ? 500 : 503, {
        'x-lab-outcome': outcome,
        'content-length': 0,
      })
      .end()
}

function identityOf({ headers }: IncomingMessage): Pick<Arrival, 'identity' | 'remainingMs'> {
  const [n, salt, key] = String(headers['x-lab-request']).split(' ').map(Number) as [number, number, number]
  const remaining = headers['x-request-timeout-ms']
  return {
    identity: { n, salt, key, critical: headers['x-priority'] === 'critical' },
    remainingMs: remaining === undefined ? Number.POSITIVE_INFINITY : Number(remaining),
  }
}
