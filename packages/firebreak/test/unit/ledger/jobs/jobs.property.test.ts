import { test } from 'node:test'
import fc from 'fast-check'
import { sqliteDatabase } from '../../../../src/sqlite/database/sqlite-database.ts'
import { JobModel, jobActions } from '../../../job-model.ts'
import { JobScene } from '../../../job-scene.ts'

test('whatever is done to jobs, the ledger has what a plain model has: lanes, uniques, claims, ends, accounts (6-13, 21, 25)', async () => {
  const each = fc.asyncProperty(jobActions, async (actions) => {
    const database = sqliteDatabase({ path: ':memory:' })
    try {
      const model = new JobModel(await JobScene.open(database))
      for (const action of actions) await model.do(action)
    } finally {
      await database.close()
    }
  })
  await fc.assert(each, { numRuns: 150 })
})
