/** Has servers of its own until it is killed: `private-server-child.ts kafka|postgres <folder>`. */
import { startKafka } from '../../../../../scripts/infra/kafka-cluster.ts'
import { startPostgres } from '../../../../../scripts/infra/postgres-server.ts'

const [kind, folder = ''] = process.argv.slice(2)
process.stdin.resume().once('end', () => process.exit())
await (kind === 'kafka' ? startKafka({ folder, nodes: 1 }) : startPostgres({ folder }))
process.stdout.write('it runs\n')
