import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runToEnd } from './tools.ts'

/** How to come in through the listener with SASL over TLS: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, or an unsigned token. */
export interface SecureAccess {
  readonly brokers: readonly string[]
  /** The authority that signed the brokers' certificate, as PEM. */
  readonly caPath: string
  /** The brokers' key and certificate, as PEM. */
  readonly certificatePath: string
  /** May do everything. Tokens name it too, as `sub`. */
  readonly user: Credentials
  /** Gets in, and may do nothing there. */
  readonly stranger: Credentials
}

interface Credentials {
  readonly username: string
  readonly password: string
}

/** Makes an authority, a certificate for loopback and two users. Everything is good for 30 days. */
export async function createSecureAccess(folder: string, brokers: readonly string[]): Promise<SecureAccess> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const caPath = join(folder, 'ca.pem')
  const certificatePath = join(folder, 'server.pem')
  await certify(folder, caPath, certificatePath)
  return {
    brokers,
    caPath,
    certificatePath,
    user: { username: 'firebreak', password: freshPassword() },
    stranger: { username: 'stranger', password: freshPassword() },
  }
}

const freshPassword = (): string => randomBytes(18).toString('hex')

async function certify(folder: string, caPath: string, certificatePath: string): Promise<void> {
  const path = (name: string): string => join(folder, name)
  const config = path('openssl.cnf')
  writeFileSync(config, opensslConfig)
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const openssl = (...args: readonly string[]): Promise<string> => runToEnd('openssl', args)
  await openssl(
    'req',
    '-x509',
    ...curve,
    '-days',
    '30',
    '-subj',
    '/CN=firebreak test authority',
    ...['-config', config, '-extensions', 'authority', '-keyout', path('ca.key'), '-out', caPath],
  )
  await openssl(
    'req',
    '-new',
    ...curve,
    '-subj',
    '/CN=localhost',
    ...['-config', config, '-keyout', path('server.key'), '-out', path('server.csr')],
  )
  await openssl(
    'x509',
    '-req',
    '-days',
    '30',
    '-in',
    path('server.csr'),
    '-CA',
    caPath,
    '-CAkey',
    path('ca.key'),
    ...['-CAcreateserial', '-extfile', config, '-extensions', 'server', '-out', path('server.crt')],
  )
  const parts = ['server.key', 'server.crt', 'ca.pem'].map((name) => readFileSync(path(name), 'utf8'))
  writeFileSync(certificatePath, parts.join(''), { mode: 0o600 })
  // The authority signs once: its key is of no more use.
  for (const name of ['ca.key', 'ca.srl', 'server.key', 'server.csr', 'server.crt', 'openssl.cnf'])
    rmSync(path(name), { force: true })
}

const opensslConfig = `[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
basicConstraints = CA:FALSE
subjectAltName = IP:127.0.0.1, DNS:localhost
extendedKeyUsage = serverAuth
`

/** SCRAM's users have to be in the cluster before its first start: arguments of the command that formats the storage. */
export function scramArguments({ user, stranger }: SecureAccess): readonly string[] {
  return [user, stranger].flatMap(({ username, password }) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${username},password=${password}]`,
    ]),
  )
}

/**
 * The secured listener, and who may do what. The plain listener knows nobody by name: there everybody may do everything,
 * the brokers among themselves included.
 */
export function secureSettings({ certificatePath, caPath, user, stranger }: SecureAccess): Record<string, string> {
  const login = (module: string, options = ''): string =>
    `org.apache.kafka.common.security.${module} required${options};`
  const plainUsers = [user, stranger].map(({ username, password }) => ` user_${username}="${password}"`).join('')
  const listener = 'listener.name.secure.'
  return {
    [`${listener}ssl.keystore.type`]: 'PEM',
    [`${listener}ssl.keystore.location`]: certificatePath,
    [`${listener}ssl.truststore.type`]: 'PEM',
    [`${listener}ssl.truststore.location`]: caPath,
    [`${listener}sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    [`${listener}plain.sasl.jaas.config`]: login('plain.PlainLoginModule', plainUsers),
    [`${listener}scram-sha-256.sasl.jaas.config`]: login('scram.ScramLoginModule'),
    [`${listener}scram-sha-512.sasl.jaas.config`]: login('scram.ScramLoginModule'),
    [`${listener}oauthbearer.sasl.jaas.config`]: login(
      'oauthbearer.OAuthBearerLoginModule',
      ' unsecuredLoginStringClaim_sub="broker"',
    ),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': `User:ANONYMOUS;User:${user.username}`,
  }
}
