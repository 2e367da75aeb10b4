import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DatabaseError } from 'pg'
import { type FirebreakError, isFirebreakError } from '../../../src/contracts/errors.ts'
import { isConnectionError, postgresError } from '../../../src/postgres/postgres-errors.ts'

function fromServer(code: string, severity = 'ERROR', message = 'said the server', routine = 'any'): DatabaseError {
  return Object.assign(new DatabaseError(message, message.length, 'error'), { code, severity, routine })
}

const mapped: readonly (readonly [error: unknown, code: string])[] = [
  [fromServer('40P01'), 'FB_DATABASE_BUSY'],
  [fromServer('40001'), 'FB_DATABASE_BUSY'],
  [fromServer('53100'), 'FB_DATABASE_FULL'],
  [fromServer('53300', 'FATAL'), 'FB_DATABASE_UNAVAILABLE'],
  [fromServer('57P01', 'FATAL'), 'FB_DATABASE_UNAVAILABLE'],
  [fromServer('57P03', 'FATAL'), 'FB_DATABASE_UNAVAILABLE'],
  [fromServer('25P03', 'FATAL'), 'FB_DATABASE_UNAVAILABLE'],
  [fromServer('25006'), 'FB_DATABASE_READONLY'],
  [fromServer('28P01', 'FATAL'), 'FB_DATABASE_REFUSED'],
  [fromServer('28000', 'FATAL'), 'FB_DATABASE_REFUSED'],
  [fromServer('3D000', 'FATAL'), 'FB_DATABASE_REFUSED'],
  [fromServer('57P05', 'FATAL'), 'FB_DATABASE_UNAVAILABLE'],
  [
    fromServer('0A000', 'FEHLER', 'gecachter Plan darf Ergebnistyp nicht ändern', 'RevalidateCachedQuery'),
    'FB_DATABASE_UNAVAILABLE',
  ],
  [Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'FB_DATABASE_REFUSED'],
  [new Error('The server does not support SSL connections'), 'FB_DATABASE_REFUSED'],
  [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 'FB_DATABASE_UNAVAILABLE'],
  [new Error('Connection terminated unexpectedly'), 'FB_DATABASE_UNAVAILABLE'],
]
for (const [error, code] of mapped) {
  const { code: own } = error as { code?: string }
  test(`${own ?? (error as Error).message} is ${code}, with what the server said`, () => {
    const found = postgresError(error, 'db:5432/shop') as FirebreakError
    assert.equal(found.code, code)
    assert.equal(found.cause, error)
    assert.match(found.message, /db:5432\/shop/)
  })
}

test('what a statement did wrong stays its own error', () => {
  for (const code of ['23505', '23503', '22012', '42601', '42P01', '55P03', '57014', '08P01', '08001', '08006']) {
    const error = fromServer(code)
    assert.equal(postgresError(error, 'db'), error)
    assert.equal(isConnectionError(error), false)
  }
})

test('a session that the server ends is known by its code, in whatever language it speaks', () => {
  for (const code of ['57P01', '57P02', '57P03', '57P04', '57P05', '25P03', '25P04']) {
    assert.equal(isConnectionError(fromServer(code, '致命的エラー')), true)
    assert.ok(isFirebreakError(postgresError(fromServer(code, '致命的エラー'), 'db')), code)
  }
})

test('what is not supported is not taken for a stale plan because of its words', () => {
  const error = fromServer('0A000', 'ERROR', 'function "cached plan" is not supported')
  assert.equal(postgresError(error, 'db'), error)
})

test('the reasons of all addresses of a host are told', () => {
  const error = new AggregateError([new Error('connect ECONNREFUSED ::1'), new Error('connect ECONNREFUSED 127.0.0.1')])
  const found = postgresError(error, 'db')
  assert.ok(isFirebreakError(found))
  assert.match(found.message, /::1; connect ECONNREFUSED 127/)
})
