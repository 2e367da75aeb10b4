import assert from 'node:assert/strict'
import { test } from 'node:test'
import { floorRules } from './floors.ts'
import { cycleRule, deadExportRule, deadFileRule } from './graph.ts'
import { roomRules } from './rooms.ts'
import { shapeRules } from './shape.ts'
import { tokenRules } from './tokens.ts'
import { type Tree, treeOf, type Violation } from './tree.ts'
import { wordRules } from './words.ts'

type Rule = (tree: Tree) => readonly Violation[]

interface Planted {
  readonly name: string
  readonly rule: Rule
  readonly files: Readonly<Record<string, string>>
  readonly finds: readonly RegExp[]
}

const src = 'packages/firebreak/src'
const lines = (count: number, line = '//'): string => `${line}\n`.repeat(count)
// Written in two halves, because the rule reads this file too.
const todo = ['TO', 'DO'].join('')

const planted: readonly Planted[] = [
  {
    name: 'a lower floor that imports a higher one, by type',
    rule: floorRules,
    files: { [`${src}/contracts/a.ts`]: `import type { B } from '../runtime/b.ts'` },
    finds: [/contracts imports runtime/],
  },
  {
    name: 'an import type expression over the floors',
    rule: floorRules,
    files: { [`${src}/contracts/a.ts`]: `let a: import('../runtime/b.ts').B` },
    finds: [/contracts imports runtime/],
  },
  {
    name: 'an adapter that imports more than contracts and platform',
    rule: floorRules,
    files: {
      [`${src}/sqlite/a.ts`]: `import { b } from '../policy/b.ts'\nimport { c } from '../node/c.ts'\nimport '../contracts/d.ts'`,
    },
    finds: [/not policy/],
  },
  {
    name: 'a folder without a floor',
    rule: floorRules,
    files: { [`${src}/cellar/a.ts`]: '' },
    finds: [/"cellar" has no floor/],
  },
  {
    name: 'a dependency of the library, and a built-in module below the adapters',
    rule: floorRules,
    files: { [`${src}/runtime/a.ts`]: `import 'left-pad'\nimport 'node:fs'`, [`${src}/node/b.ts`]: `import 'node:fs'` },
    finds: [/depends on nothing/, /touches the machine/],
  },
  {
    name: 'an entry with code of its own, or with a star',
    rule: floorRules,
    files: {
      [`${src}/index.ts`]: `export { a } from './a/a.ts'\nexport const b = 1`,
      [`${src}/kafka.ts`]: `export * from './a/a.ts'`,
      [`${src}/testing.ts`]: `export type { A } from './a/a.ts'`,
    },
    finds: [/named re-exports/, /named re-exports/],
  },
  {
    name: 'a source that imports an entry',
    rule: floorRules,
    files: { [`${src}/cli/a.ts`]: `import { a } from '../index.ts'` },
    finds: [/imports the entry/],
  },
  {
    name: 'a folder with more files than anybody looks through, and two folders that import each other',
    rule: roomRules,
    files: {
      ...Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`${src}/a/f${i}.ts`, ''])),
      [`${src}/b/in/x.ts`]: `import { y } from '../y.ts'`,
      [`${src}/b/y.ts`]: '',
      [`${src}/b/z.ts`]: `import { x } from './in/x.ts'`,
    },
    finds: [/25 files/, /folders go round: .*b -> .*b\/in/],
  },
  {
    name: 'an app that reaches into the library',
    rule: floorRules,
    files: {
      'apps/logiflow/a.ts': `import '../../packages/firebreak/src/x/y.ts'\nimport 'firebreak/src/x.ts'\nimport 'firebreak/testing'`,
    },
    finds: [/public entries/, /public entries/],
  },
  {
    name: 'a package that reaches into the library, and one that adapts elsewhere than in its room',
    rule: floorRules,
    files: {
      'packages/lab/src/sim/a.ts': `import 'firebreak'\nimport 'firebreak/internal'\nimport 'firebreak/src/x.ts'\nimport '../math/m.ts'\nimport 'node:fs'`,
      'packages/lab/src/sim/b.ts': `import '../../../firebreak/src/x/y.ts'\nimport 'zod'`,
      'packages/lab/src/file/c.ts': `import 'zod'`,
      'packages/lab/test/d.test.ts': `import '../../firebreak/src/x/y.ts'`,
      'apps/logiflow/e.ts': `import 'firebreak/internal'`,
    },
    finds: [/imports firebreak\/src/, /imports \.\..*firebreak/, /imports zod/, /firebreak\/internal: an app/],
  },
  {
    name: 'a name for other packages that none of them needs',
    rule: deadExportRule,
    files: {
      [`${src}/internal.ts`]: `export { a, b } from './a/a.ts'`,
      [`${src}/a/a.ts`]: 'export const a = 1\nexport const b = 2',
      'packages/lab/src/index.ts': `import { a } from 'firebreak/internal'`,
    },
    finds: [/internal\.ts:1 nobody imports b/],
  },
  {
    name: 'a ring of three, closed by a type',
    rule: cycleRule,
    files: {
      [`${src}/a/a.ts`]: `import { b } from './b.ts'`,
      [`${src}/a/b.ts`]: `import { c } from './c.ts'`,
      [`${src}/a/c.ts`]: `import type { A } from './a.ts'`,
      [`${src}/a/d.ts`]: `import { a } from './a.ts'`,
    },
    finds: [/a\.ts -> .*b\.ts -> .*c\.ts/],
  },
  {
    name: 'a file that nothing starts',
    rule: deadFileRule,
    files: {
      [`${src}/index.ts`]: `export { a } from './a/a.ts'`,
      [`${src}/a/a.ts`]: 'new URL(`./worker-$' + '{ending}`, import.meta.url)',
      [`${src}/a/worker-b.ts`]: '',
      [`${src}/a/dead.ts`]: '',
    },
    finds: [/dead\.ts/],
  },
  {
    name: 'an export that nobody imports',
    rule: deadExportRule,
    files: {
      [`${src}/index.ts`]: `export { a } from './a/a.ts'`,
      [`${src}/a/a.ts`]:
        'export const a = 1\nexport const b = 2\nexport interface C {}\nexport interface D {}\nlet d: D',
    },
    finds: [/nobody imports b/, /nobody imports C/],
  },
  {
    name: 'files that are too long, each by its own measure',
    rule: shapeRules,
    files: {
      [`${src}/a/a.ts`]: lines(321),
      [`${src}/a/b.ts`]: lines(320),
      'packages/firebreak/test/a.test.ts': lines(501),
    },
    finds: [/321 lines, at most 320/, /501 lines, at most 500/],
  },
  {
    name: 'functions that are too long or take too much',
    rule: shapeRules,
    files: {
      [`${src}/a/a.ts`]: `const f = (a, b, c, d, e) => {\n${lines(59)}}\nclass C {\n  m() {\n${lines(58)}  }\n}`,
    },
    finds: [/61 lines, at most 60/, /takes 5, at most 4/],
  },
  {
    name: 'a port with six methods',
    rule: shapeRules,
    files: {
      [`${src}/contracts/log.ts`]: `interface Log { readonly x: number; ${'abcdef'.replace(/./g, '$&(): void; ')}}`,
    },
    finds: [/Log has 6 methods/],
  },
  {
    name: 'stars, defaults, index files, open ends',
    rule: shapeRules,
    files: {
      [`${src}/a/index.ts`]: `export * from './b.ts'`,
      [`${src}/a/b.ts`]: `export default function b() {}\n// ${todo}: later\n// ${todo} #12: with a number`,
      [`${src}/a/c.ts`]: 'export default 1',
    },
    finds: [/name what is exported/, /import from where/, /give it a name/, /number of the issue/, /give it a name/],
  },
  {
    name: 'words of no standard',
    rule: wordRules,
    files: {
      [`${src}/a/a.ts`]: `// ${['Who', 'ever'].join('')} it is\n\n// waits ${['for', 'ever'].join(' ')}, however`,
    },
    finds: [/a\.ts:1 .*caller/, /a\.ts:3 .*forever/],
  },
  {
    name: 'casts through unknown in what is shipped',
    rule: shapeRules,
    files: {
      [`${src}/a/a.ts`]: `let a = b as unknown as C\nlet d = (e as unknown) as F\nlet g = h as unknown[] as I\nlet j = k as unknown`,
      'packages/lab/src/a/a.ts': 'let a =\n  b as unknown\n    as C',
      'apps/logiflow/a.ts': 'let a = b as never as C',
      'apps/logiflow/test/a.ts': 'let a = b as unknown as C',
      'packages/firebreak/test/a.test.ts': 'let a = b as unknown as C',
    },
    finds: [/a\.ts:1 .*interface/, /a\.ts:2 .*interface/, /lab\/src\/a\/a\.ts:2/, /apps\/logiflow\/a\.ts:1/],
  },
  {
    name: 'time, chance and the machine in sources',
    rule: tokenRules,
    files: {
      [`${src}/a/a.ts`]:
        'Date.now()\nnew Date()\nsetTimeout(f)\nsetInterval(f)\nMath.random()\ncrypto.randomUUID()\nprocess.env.HOME\nconsole.log(1)\nconst now = Date.now',
      [`${src}/node/b.ts`]: 'Date.now()',
      'scripts/c.ts': 'console.log(1)',
    },
    finds: [
      /clock\.now/,
      /Rfc3339/,
      /schedule or/,
      /end of each/,
      /entropy\.r/,
      /uuid/,
      /Io/,
      /observer/,
      /clock\.now/,
    ],
  },
  {
    name: 'real waiting and forgotten focus in tests',
    rule: tokenRules,
    files: {
      'packages/firebreak/test/a.test.ts':
        "test.only('x', f)\nsleep(systemClock, 10)\nsleep(virtual.clock, 10)\nsleep(10)\nprocess.env.HOME",
    },
    finds: [/test-name-pattern/, /real time/, /real time/],
  },
]

for (const { name, rule, files, finds } of planted) {
  test(`found: ${name}`, () => {
    const found = rule(treeOf(new Map(Object.entries(files)))).map(({ at, says }) => `${at} ${says}`)
    assert.equal(found.length, finds.length, found.join('\n'))
    for (const [index, pattern] of finds.entries()) assert.match(found[index] ?? '', pattern)
  })
}

test('what a manifest starts is not dead, and leads on', () => {
  const files = {
    'apps/a/start.ts': "fork('services/' + name); import('./x.ts')",
    'apps/a/x.ts': '',
    'apps/a/y.ts': '',
  }
  const starters = new Map([['package.json', '{ "scripts": { "start": "node apps/a/start.ts" } }']])
  const found = deadFileRule(treeOf(new Map(Object.entries(files)), starters)).map(({ at }) => at)
  assert.deepEqual(found, ['apps/a/y.ts:1'])
})
