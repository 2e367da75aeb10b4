import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster } from '../../../src/kafka/cluster/kafka-cluster.ts'
import { removeFrom } from '../../../src/kafka/cluster/kafka-remove.ts'
import { rejectsWith } from '../../../src/testing/conformance/log-scene.ts'
import { ScriptedGroup } from './scripted-group.ts'

const notCoordinator = 16
const groupDenied = 30
const groupHasMembers = 68
const groupIsGone = 69

test('removing a group fails where that is refused, and not where there is nothing left to do', async () => {
  const group = new ScriptedGroup({})
  const cluster = new Cluster(group.connections, group.clock)
  const remove = (): Promise<void> => removeFrom(cluster, { topics: [], groups: ['g'] })
  group.onRemove = () => groupDenied
  await rejectsWith(remove(), 'FB_LOG_REFUSED')
  for (const done of [0, groupIsGone, groupHasMembers]) {
    group.onRemove = () => done
    await remove()
  }
  const answers = [notCoordinator]
  group.onRemove = () => answers.shift()
  const removing = remove()
  await group.clock.advance(100)
  await removing
  assert.equal(group.count('coordinator'), 3, 'it was looked for after the refusal, and after it had moved')
})
