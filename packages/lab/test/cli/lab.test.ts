import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { type Io, systemClock, systemEntropy } from 'firebreak/internal'
import { commands } from '../../../firebreak/src/cli/commands.ts'
import { globalOptions, readArguments } from '../../../firebreak/src/cli/program/args.ts'
import type { Command } from '../../../firebreak/src/cli/program/command.ts'
import type { ExitCode } from '../../../firebreak/src/cli/program/exit.ts'
import { outputOf } from '../../../firebreak/src/cli/program/output.ts'
import { type Ran, run, type Setting, sceneIn } from '../../../firebreak/test/cli/scene.ts'
import { labCommands } from '../../src/cli/commands.ts'
import { labRun } from '../../src/cli/run.ts'
import { labSweep } from '../../src/cli/sweep.ts'
import { type LabTools, labTools } from '../../src/cli/tools.ts'
import type { LabResult } from '../../src/model/result.ts'

const folder = mkdtempSync(join(tmpdir(), 'firebreak-lab-'))
after(() => rmSync(folder, { recursive: true }))
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return name
}

const small = `
version: 1
description: ten requests
duration: 1s
services: { desk: { workers: 1, latency: 10ms } }
traffic: { to: desk, process: deterministic, rate: 10 }
arms: { one:, two: { services: { desk: { workers: 2 } } } }
expect: [{ arm: one, metric: successRatio, op: "=", value: 1 }]
`
file('small.yaml', small)
file('untrue.yaml', small.replace('op: "="', 'op: "<"'))
file('broken.yaml', 'version: 1\nduration: 1sec\nservices: { a: { workrs: 1 } }\ntraffic: { to: b, rate: 1 }\n')
mkdirSync(join(folder, 'scenarios'))
file('scenarios/mine.yaml', small)
file('scenarios/seed-004.yaml', small)
file('scenarios/bad.json', '{')
file('scenarios/notes.txt', 'no scenario')

const clearLine = '\r\u001b[2K'

// No config is there: these commands must not look for one.
const scene = sceneIn('/tmp/firebreak-lab-never-opened')
const firebreak = (line: string, setting: Setting = {}): Promise<Ran> => {
  const load = async (path: string): Promise<unknown> =>
    path.endsWith('/lab/src/cli.ts') ? import(path) : assert.fail('loads a config')
  return run(scene, line.split(' '), { cwd: folder, exists: existsSync, load, ...setting })
}

describe('help', () => {
  test('every command has a page with examples before options', async () => {
    for (const { name } of labCommands) {
      const { exit, out, err } = await firebreak(`${name} --help`)
      assert.deepEqual([exit, err], [0, ''])
      assert.ok(out.indexOf('Examples') > 0 && out.indexOf('Examples') < out.indexOf('Options'), name)
      assert.ok(
        out.split('\n').every((text) => text.length <= 100),
        `${name} is too wide`,
      )
    }
  })

  test('the overview has every command; the noun alone shows its verbs', async () => {
    const { out } = await firebreak('help')
    for (const { name } of labCommands) assert.ok(out.includes(`  ${name} `), name)
    const lab = (await firebreak('lab')).out
    assert.ok(lab.includes('lab sweep') && !lab.includes('dlq'))
    assert.match((await firebreak('lab rnu')).err, /Did you mean "lab run"\?/)
  })

  test('an option means the same as in commands of firebreak', () => {
    const kinds = new Map<string, boolean>()
    for (const [name, spec] of [...commands, ...labCommands].flatMap(({ options }) => Object.entries(options))) {
      assert.equal(kinds.get(name) ?? spec.value !== undefined, spec.value !== undefined, name)
      kinds.set(name, spec.value !== undefined)
    }
  })
})

describe('lab validate', () => {
  test('tells every mistake with its line, and ends with 1', async () => {
    const { exit, out, err } = await firebreak('lab validate broken.yaml')
    assert.equal(exit, 1)
    assert.match(out, /^broken\.yaml:2 {2}duration: must be a duration .* Write 1s$/m)
    assert.match(
      out,
      /^broken\.yaml:3 {2}services\.a\.workrs: there is no such field here\. Did you mean "workers"\?$/m,
    )
    assert.match(out, /^broken\.yaml:4 {2}traffic\.to: there is no service "b"/m)
    assert.match(err, /^broken\.yaml: \d problems\.$/m)
  })

  test('takes many files, and the standard input', async () => {
    const { exit, out } = await firebreak('lab validate small.yaml -', { files: { '-': small } })
    assert.deepEqual(
      [exit, out],
      [0, ['small.yaml', '-'].map((name) => `${name}: sound, 2 arms, 1 service, 1 claim\n`).join('')],
    )
  })

  test('--json is one document with the problems', async () => {
    const { exit, out } = await firebreak('lab validate small.yaml broken.yaml --json')
    const { ok, files } = JSON.parse(out)
    assert.deepEqual([exit, ok, files[0]], [1, false, { file: 'small.yaml', ok: true, problems: [] }])
    assert.deepEqual(files[1].problems[0].line, 2)
  })

  test('finds every scenario of the package sound', async () => {
    const { scenarios } = JSON.parse((await firebreak('lab list --json', { cwd: tmpdir() })).out)
    assert.ok(scenarios.length > 0)
    const { exit, out } = await firebreak(
      `lab validate ${scenarios.map(({ name }: { name: string }) => name).join(' ')}`,
      {
        cwd: tmpdir(),
      },
    )
    assert.equal(exit, 0, out)
  })
})

describe('lab list', () => {
  test('shows the own scenarios, which hide those of the package, and says which cannot be read', async () => {
    const { exit, out, err } = await firebreak('lab list')
    assert.equal(exit, 0)
    assert.match(out, /^NAME +ARMS +SHOWS$/m)
    assert.match(out, /^mine +2 +ten requests$/m)
    assert.match(out, /^seed-004 +2 +ten requests$/m)
    assert.match(out, /^bad +- +1 problem: firebreak lab validate bad$/m)
    assert.match(out, /^metastable +\d/m)
    assert.ok(!out.includes('notes'))
    assert.match(err, /lab run <name>/)
  })

  test('--json names the files', async () => {
    const { scenarios } = JSON.parse((await firebreak('lab list --json')).out)
    const mine = scenarios.find(({ name }: { name: string }) => name === 'mine')
    assert.deepEqual(mine, {
      name: 'mine',
      file: 'scenarios/mine.yaml',
      isShipped: false,
      arms: ['one', 'two'],
      shows: 'ten requests',
    })
  })
})

describe('lab run', () => {
  test('shows arms and claims, and ends with 0 where all hold', async () => {
    const { exit, out, err } = await firebreak('lab run small.yaml', { columns: 80 })
    assert.deepEqual([exit, err], [0, ''])
    assert.match(out, /^small\nten requests\n/)
    assert.match(out, /^offered +10 +10$/m)
    assert.ok(out.split('\n').every((line) => line.length <= 80))
  })

  test('a name without path and extension is a scenario of ./scenarios or of the package', async () => {
    assert.equal(JSON.parse((await firebreak('lab run mine --json')).out).scenario, 'mine')
    const { exit, err } = await firebreak('lab run metastabel')
    assert.deepEqual(
      [exit, err],
      [3, 'firebreak: There is no scenario "metastabel". Did you mean "metastable"?\nSee: firebreak lab list\n'],
    )
    assert.equal((await firebreak('lab run none.yaml')).exit, 3)
  })

  test('ends with 1 when a claim does not hold', async () => {
    const { exit, err } = await firebreak('lab run untrue.yaml')
    assert.deepEqual([exit, err], [1, '1 of 1 claim did not hold.\n'])
  })

  test('runs nothing of a file with mistakes, and ends with 2', async () => {
    const { exit, out, err } = await firebreak('lab run broken.yaml')
    assert.deepEqual([exit, out], [2, ''])
    assert.match(err, /broken\.yaml is no scenario: 4 problems\.\nbroken\.yaml:2 /)
  })
})

describe('options of lab run', () => {
  test('--seed, --replications and --arms stand for what the file says', async () => {
    const { out } = await firebreak('lab run small.yaml --json --seed 7 --replications 2 --arms two')
    const { seed, replications, arms } = JSON.parse(out) as LabResult
    assert.deepEqual([seed, replications, Object.keys(arms)], [7, 2, ['two']])
  })

  const wrong: readonly [string, RegExp][] = [
    ['--arms three', /small has no arm "three"/],
    ['--arms ,', /has no arm ""/],
    ['--seed x', /--seed must be a whole number/],
    ['--seed 9999999999', /seed: must be a whole number from 0 to 4294967295/],
    ['--replications 0', /--replications must be/],
    ['--mode fast', /--mode must be sim/],
    ['--out report.pdf', /--out must end in \.html or \.json or \.txt/],
  ]
  for (const [options, message] of wrong)
    test(`${options} is refused with 2`, async () => {
      const { exit, out, err } = await firebreak(`lab run small.yaml ${options}`)
      assert.deepEqual([exit, out], [2, ''])
      assert.match(err, message)
    })

  test('--out writes a page, a document or the text', async () => {
    const written = async (name: string): Promise<string> => {
      const { exit, err } = await firebreak(`lab run small.yaml --out ${name}`)
      assert.deepEqual([exit, err], [0, `Wrote ${name}.\n`])
      return readFileSync(join(folder, name), 'utf8')
    }
    assert.match(await written('report.html'), /^<!doctype html>/i)
    assert.equal(JSON.parse(await written('report.json')).scenario, 'small')
    assert.match(await written('report.txt'), /^small\nten requests\n/)
    const { exit, err } = await firebreak('lab run small.yaml --out none/report.txt')
    assert.equal(exit, 1)
    assert.match(err, /none\/report\.txt cannot be written/)
  })

  test('says on a terminal how far it is, and nowhere else', async () => {
    const shown = await firebreak('lab run small.yaml', { canAsk: true })
    assert.ok(shown.err.includes(`${clearLine}  50 %  two, replication 1`))
    assert.ok(shown.err.endsWith(clearLine))
    assert.equal((await firebreak('lab run small.yaml --json', { canAsk: true })).err, '')
  })
})

describe('lab sweep', () => {
  const cellsOf = (line: string): readonly string[] => line.trim().split(/ {2,}/)

  test('over one parameter has a row per value and a column per arm', async () => {
    const { exit, out } = await firebreak('lab sweep small.yaml --param traffic.rate=10,20,5 --metric offered')
    assert.equal(exit, 0)
    const [title, ...rows] = out.trimEnd().split('\n')
    assert.equal(title, 'small  offered')
    assert.deepEqual(rows.map(cellsOf), [['traffic.rate', 'one', 'two'], ...['10', '20', '5'].map((n) => [n, n, n])])
  })

  test('over two parameters has a map per arm', async () => {
    const { out } = await firebreak(
      'lab sweep small.yaml --param traffic.rate=10,20 --param duration=1s,3s --metric offered --arms one',
    )
    const [title, , head, ...rows] = out.trimEnd().split('\n')
    assert.deepEqual([title, head], ['small  offered', 'one, traffic.rate down, duration across'])
    assert.deepEqual(rows.map(cellsOf), [
      ['1s', '3s'],
      ['10', '10', '30'],
      ['20', '20', '60'],
    ])
  })

  test('changes only the arms that it is about', async () => {
    const { out } = await firebreak(
      'lab sweep small.yaml --json --param arms.two.services.desk.latency=10ms,20ms --metric latencyMs.max',
    )
    const { params, metric, points } = JSON.parse(out)
    assert.deepEqual([params, metric], [['arms.two.services.desk.latency'], 'latencyMs.max'])
    assert.deepEqual(
      points.map(({ values, arm, value }: { values: unknown; arm: string; value: number }) => [
        values,
        arm,
        Math.round(value),
      ]),
      [
        [[10], 'one', 10],
        [[10], 'two', 10],
        [[20], 'one', 10],
        [[20], 'two', 20],
      ],
    )
  })

  test('--out writes a page with the plot of the sweep, or the document', async () => {
    assert.equal((await firebreak('lab sweep small.yaml --param traffic.rate=10,20 --out sweep.html')).exit, 0)
    assert.match(readFileSync(join(folder, 'sweep.html'), 'utf8'), /traffic\.rate/)
    await firebreak('lab sweep small.yaml --param traffic.rate=10,20 --out sweep.json')
    assert.equal(JSON.parse(readFileSync(join(folder, 'sweep.json'), 'utf8')).points.length, 4)
  })
})

describe('lab sweep refuses', () => {
  const wrong: readonly [string, RegExp][] = [
    ['', /takes one --param/],
    ['--param a=1 --param b=1 --param c=1', /takes one --param path=1,2,3, or two/],
    ['--param seed', /must look like path=1,2,3/],
    ['--param seed=1,,2', /must look like/],
    ['--param seed=1 --param seed=2', /given twice/],
    ['--param duration=1s,fast', /numbers and durations .*, not "fast"/],
    ['--param services.dsk.workers=1', /nothing here to set\. Did you mean "services\.desk"\?/],
    ['--param traffic.rate=1,-1', /must be a number from 0/],
    [`--param seed=${Array.from({ length: 401 }, (_, i) => i).join(',')}`, /401 points are too many/],
    ['--param seed=1 --metric successRate', /no metric "successRate"/],
    ['--param seed=1 --out sweep.txt', /must end in \.html or \.json/],
  ]
  for (const [options, message] of wrong)
    test(`${options.slice(0, 60)} is refused with 2`, async () => {
      const { exit, out, err } = await firebreak(`lab sweep small.yaml ${options}`.trimEnd())
      assert.deepEqual([exit, out], [2, ''])
      assert.match(err, message)
    })
})

/** Runs a command with other tools than those of the program. */
async function withTools(command: Command, line: string, changes: Partial<Io> = {}): Promise<Ran> {
  let [out, err] = ['', '']
  const io: Io = {
    out: (text) => {
      out += String(text)
    },
    err: (text) => {
      err += text
    },
    isTty: false,
    canAsk: false,
    readerGone: new AbortController().signal,
    columns: 80,
    env: {},
    cwd: folder,
    user: 'ada',
    signal: new AbortController().signal,
    clock: systemClock,
    entropy: systemEntropy,
    ask: async () => '',
    exists: existsSync,
    readFile: async (path) => readFileSync(path, 'utf8'),
    resolve: () => assert.fail('looks for a package'),
    load: () => assert.fail('loads a config'),
    ...changes,
  }
  const args = readArguments(line.split(' '), { ...command.options, ...globalOptions })
  const output = outputOf(io, { json: args.flag('json'), color: false })
  const session = {} as never
  const ended = await command.run({ io, args, output, session }).catch((error: { exit: ExitCode; message: string }) => {
    err += error.message
    return error.exit
  })
  return { exit: ended, out, err }
}

describe('a run that does not go well', () => {
  const failing: LabTools = {
    ...labTools,
    async runScenario(scenario, options) {
      const result = await labTools.runScenario(scenario, options)
      return { ...result, checks: { ...result.checks, little: { ok: false, worst: 1, where: 'desk' } } }
    },
  }

  test('ends with 1 and says so when a self-check fails', async () => {
    const { exit, err } = await withTools(labRun(failing), 'small.yaml')
    assert.deepEqual(
      [exit, err],
      [1, 'The self-check "little" failed. That is a fault of the lab: do not trust this run.\n'],
    )
    const swept = await withTools(labSweep(failing), 'small.yaml --param seed=1,2')
    assert.equal(swept.exit, 1)
    assert.match(swept.err, /failed with seed=1: .*\n.*failed with seed=2:/)
  })

  test('ends with 130 after Ctrl-C, and writes nothing', async () => {
    for (const [command, line] of [
      [labRun, 'small.yaml --out stopped.json'],
      [labSweep, 'small.yaml --param seed=1,2 --out stopped.json'],
    ] as const) {
      const interrupted = new AbortController()
      const tools: LabTools = {
        ...labTools,
        runScenario(scenario, options) {
          interrupted.abort()
          return labTools.runScenario(scenario, options)
        },
      }
      const { signal } = interrupted
      const { exit, out, err } = await withTools(command(tools), line, { signal, canAsk: true })
      assert.deepEqual([exit, out], [130, ''])
      assert.equal(err.slice(err.indexOf('Stopped')), 'Stopped. Nothing was written.')
      assert.ok(err.startsWith(clearLine))
      assert.equal(existsSync(join(folder, 'stopped.json')), false)
    }
  })
})
