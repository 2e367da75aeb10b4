import { createServer } from 'node:net'
import { type EngineSettings, environmentOf } from '../platform/engine-settings.ts'
import type { ChildSpec } from '../platform/supervisor.ts'
import { serviceNames } from '../system.ts'
import type { Addresses } from './load.ts'
import type { Mode } from './result.ts'

export type Ports = Readonly<Record<(typeof serviceNames)[number], number>>

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })

export const specsFor = (mode: Mode, settings: EngineSettings, ports: Ports): readonly ChildSpec[] => {
  const env = {
    ...environmentOf(settings),
    LOGIFLOW_HARDENED: mode === 'rest-hardened' ? '1' : '0',
    ...Object.fromEntries(serviceNames.map((name) => [`LOGIFLOW_PORT_${name.toUpperCase()}`, String(ports[name])])),
  }
  const entry = (name: string): URL =>
    new URL(mode === 'events' ? `../services/${name}/main.ts` : `../rest/${name}.ts`, import.meta.url)
  return serviceNames.map((name) => ({ name, env, entry: entry(name), port: ports[name] }))
}

/** The same invoice process in every wiring: a small heap, and the PDF module that never forgets. */
export const leaking = (spec: ChildSpec, heapMb: number): ChildSpec => ({
  ...spec,
  env: { ...spec.env, LOGIFLOW_PDF: 'leaky' },
  nodeArgs: [`--max-old-space-size=${heapMb}`],
})

export const addressesOf = (ports: Ports): Addresses => ({
  portal: `http://127.0.0.1:${ports.portal}`,
  routing: `http://127.0.0.1:${ports.routing}`,
  tracking: `http://127.0.0.1:${ports.tracking}`,
})
