import './node/supported-node.ts'

export type { PostgresAddress, PostgresDatabaseOptions } from './postgres/connection-settings.ts'
export { pgClient } from './postgres/pg-client.ts'
export { postgresDatabase } from './postgres/postgres-database.ts'
