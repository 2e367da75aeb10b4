import assert from 'node:assert/strict'
import type { TestRuntime } from '../src/testing/test-runtime.ts'
import type { TestService } from '../src/testing/test-service.ts'

/** A service of a test by its name, for scenes that define their services as they go. */
export function named(app: Pick<TestRuntime, 'services'>, name: string): TestService {
  const found = app.services.find(({ definition }) => definition.name === name)
  assert.ok(found !== undefined, `there is a service ${name}`)
  return found
}
