import { defaultFolder, liveServers } from '../../../../scripts/infra/state.ts'

/** Why a test is skipped that needs a server which is not there. */
export const skipReason = {
  kafka: 'needs Kafka: npm run infra -- up kafka',
  secureKafka: 'needs Kafka with a secured listener: npm run infra -- up --secure kafka',
  postgres: 'needs PostgreSQL: npm run infra -- up postgres',
  both: 'needs Kafka and PostgreSQL: npm run infra -- up',
} as const

/** Brokers to test against: KAFKA_BROKERS, or those of `npm run infra` when all of them run. */
export function kafkaBrokers(): readonly string[] | undefined {
  const given = process.env['KAFKA_BROKERS']
  return given ? given.split(',') : liveServers(defaultFolder).brokers
}

/** The database to test against: DATABASE_URL, or that of `npm run infra` when it runs. Its user may create databases. */
export const databaseUrl = (): string | undefined => process.env['DATABASE_URL'] || liveServers(defaultFolder).url

interface SecureKafka {
  readonly brokers: readonly string[]
  /** PEM file with the authority that signed the brokers' certificate. */
  readonly caPath: string
  /** May do everything. */
  readonly username: string
  readonly password: string
  /** Gets in, and may do nothing there. */
  readonly stranger: { readonly username: string; readonly password: string }
}

/**
 * The secured listener of `npm run infra -- up --secure`: SASL over TLS, with PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, and
 * OAUTHBEARER with tokens that nobody signs. KAFKA_BROKERS does not lead to one.
 */
export function secureKafka(): SecureKafka | undefined {
  const { secure } = liveServers(defaultFolder)
  if (secure === undefined) return undefined
  const { brokers, caPath, user, stranger } = secure
  return { brokers, caPath, ...user, stranger }
}
