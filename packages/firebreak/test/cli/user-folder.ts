import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A config file that imports the package by its name, as a user writes it. */
export function writeConfig(folder: string): void {
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(join(import.meta.dirname, '../..'), join(folder, 'node_modules', 'firebreak'))
  const scene = JSON.stringify(join(import.meta.dirname, 'scene.ts'))
  const lines = [
    "import { sqliteLog } from 'firebreak'",
    `import { sceneIn } from ${scene}`,
    'const { services } = sceneIn(import.meta.dirname).config',
    "export const config = { log: () => sqliteLog({ path: import.meta.dirname + '/log' }), services }",
  ]
  writeFileSync(join(folder, 'firebreak.config.ts'), lines.join('\n'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
}
