/**
 * Writes docs/lab.schema.json: the format of scenario files for editors, made from what reads them.
 *
 *     node scripts/lab-schema.ts            writes it
 *     node scripts/lab-schema.ts --check    fails when it is out of date
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scenarioJsonSchema } from '../packages/lab/src/file/schema/scenario-schema.ts'

const repository = join(import.meta.dirname, '..')
const page = join(repository, 'docs/lab.schema.json')

const after = formatted(JSON.stringify(scenarioJsonSchema(), null, 2))
if (!process.argv.includes('--check')) writeFileSync(page, after)
else if (readFileSync(page, 'utf8') !== after) {
  console.error('docs/lab.schema.json is out of date. Run: npm run docs')
  process.exit(1)
}

function formatted(json: string): string {
  const biome = join(repository, 'node_modules/.bin/biome')
  const { stdout, stderr, status } = spawnSync(biome, ['format', `--stdin-file-path=${page}`], {
    input: json,
    encoding: 'utf8',
    maxBuffer: 2 ** 24,
  })
  if (status !== 0) throw new Error(stderr)
  return stdout
}
