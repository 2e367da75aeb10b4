import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { describe, test } from 'node:test'
import { isFirebreakError } from 'firebreak'
import { parseHTML } from 'linkedom'
import type { Sweep } from '../../src/model/sweep-result.ts'
import { reportHtml } from '../../src/report/report-html.ts'
import { type SceneSpec, scene } from './report-scene.ts'

const page = (spec: SceneSpec = {}, sweep?: Sweep): Promise<string> => {
  const { scenario, result } = scene(spec)
  return reportHtml(scenario, result, sweep)
}

const faults: SceneSpec['faults'] = [
  { kind: 'latency', target: 'profile', value: 5, atMs: 38_000, forMs: 6000 },
  { kind: 'errors', target: 'profile', value: 0.5, atMs: 40_000, forMs: 2000 },
  { kind: 'capacity', target: 'profile', value: 0.2, atMs: 10_000, forMs: 2000 },
  { kind: 'broker-down', target: 'broker', atMs: 50_000, forMs: 2000 },
]

const sweepOf = (params: readonly string[]): Sweep => ({
  params,
  points: [1, 2, 4].flatMap((one) =>
    [100, 300].flatMap((two) =>
      ['rpc-naive', 'event'].map((arm) => ({
        values: [one, two, 7].slice(0, params.length),
        arm,
        successRatio: arm === 'event' ? 1 : 1 / one,
        timeToRecoverMs: arm === 'event' ? 0 : two > 200 ? null : 4000,
      })),
    ),
  ),
})

const documentOf = (text: string) => parseHTML(text).document
const titlesOf = (text: string): readonly (string | null)[] =>
  [...documentOf(text).querySelectorAll('figure > h3')].map(({ textContent }) => textContent)

// First: once a package has been loaded, nothing takes it away again.
for (const name of ['linkedom', '@observablehq/plot'])
  test(`without ${name} it says what to install`, async () => {
    const hooks = registerHooks({
      resolve: (specifier, context, next) =>
        next(
          specifier === name && /plot-canvas/.test(context.parentURL ?? '') ? `${name}-that-is-not-there` : specifier,
          context,
        ),
    })
    try {
      await assert.rejects(page({ arms: ['full'] }), (error) => {
        assert.ok(isFirebreakError(error, 'FB_CONFIG'))
        assert.match(error.message, /npm install .*@observablehq\/plot.* linkedom/)
        return true
      })
    } finally {
      hooks.deregister()
    }
  })

describe('the page', () => {
  test('needs no network and no script, and forbids both', async () => {
    const text = await page({ replications: 10, faults }, sweepOf(['load', 'trigger']))
    assert.doesNotMatch(text, /https?:|src=|href=|url\(|@import|<script|<link|<iframe|\son\w+=/i)
    assert.match(text, /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/)
  })

  test('is well-formed: every element is closed in order, every id is one of a kind', async () => {
    const text = await page({ replications: 10, faults, prefix: '<b a="&\'> ' }, sweepOf(['load', 'trigger']))
    assert.deepEqual(unbalanced(text), [])
    const ids = [...text.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)
    assert.equal(new Set(ids).size, ids.length)
    const { documentElement } = documentOf(text)
    assert.equal(documentElement?.querySelectorAll('main').length, 1)
  })

  test('has every plot that its result has something for, and each has caption and table', async () => {
    const text = await page({ replications: 10, faults }, sweepOf(['load', 'trigger']))
    const found = titlesOf(text).join('\n')
    for (const title of [
      /^Offered load/m,
      /^Latency/m,
      /^Goodput against/m,
      /^Phase map: trigger against load/m,
      /^Cascade/m,
      /^Backlog/m,
      /^Paired/m,
    ])
      assert.match(found, title)
    for (const figure of documentOf(text).querySelectorAll('figure')) {
      const name = figure.querySelector('h3')?.textContent
      assert.ok(figure.querySelectorAll('svg.plot').length > 0, `${name} is drawn`)
      assert.ok((figure.querySelector('figcaption')?.textContent ?? '').length > 20, `${name} has a caption`)
      assert.ok(figure.querySelectorAll('details tbody tr').length > 0, `${name} has a table`)
      for (const drawing of figure.querySelectorAll('[role=img]')) assert.ok(drawing.getAttribute('aria-label'))
    }
  })

  test('holds verdict, expectations, self-checks, seed and digest', async () => {
    const { result } = scene()
    const text = documentOf(await page()).body.textContent ?? ''
    for (const sentence of result.verdict) assert.ok(text.includes(sentence))
    for (const { claim } of result.expect) assert.ok(text.includes(claim))
    for (const words of ['✖ 1 of 2', '✖ 2 of 3', "Little's law", 'Seed 42', result.digest])
      assert.ok(text.includes(words), words)
  })
})

describe('the plots', () => {
  test('leaves out what there is nothing for', async () => {
    const found = titlesOf(await page({ arms: ['naive', 'full'] })).join('\n')
    assert.doesNotMatch(found, /Phase|Paired|Backlog/)
    assert.doesNotMatch(await page({ arms: ['full'] }, { params: [], points: [] }), /Phase map/)
  })

  test('draws one parameter of a sweep as lines, and averages over a third', async () => {
    assert.match(titlesOf(await page({}, sweepOf(['load']))).join('\n'), /^Success against load$/m)
    const text = await page({}, sweepOf(['load', 'trigger', 'seed']))
    assert.match(text, /Cells are means over seed\./)
  })

  test('shows one drawing per arm over time, on the same axis', async () => {
    const text = await page()
    const flow = documentOf(text).querySelector('figure')
    const panels = [...(flow?.querySelectorAll('svg.plot') ?? [])]
    assert.equal(panels.length, 4)
    const ticks = panels.map((panel) =>
      [...panel.querySelectorAll('text')].map(({ textContent }) => textContent).filter((one) => /^\d/.test(one ?? '')),
    )
    for (const one of ticks) assert.deepEqual(one, ticks[0])
  })

  test('names the kind and the value of each fault', async () => {
    const legend = documentOf(await page({ faults })).querySelector('figure .legend')?.textContent ?? ''
    const text = legend.replaceAll('\u00a0', ' ')
    for (const words of [
      'latency of profile × 5',
      'errors of profile: 50 %',
      'capacity of profile down to 20 %',
      'brokers down',
      '38 s to 44 s',
    ])
      assert.ok(text.includes(words), words)
  })
})

describe('the page, whatever it is given,', () => {
  test('escapes what the scenario names, wherever it stands', async () => {
    const prefix = '<img src=x onerror="alert(1)">&\' '
    const text = await page({ prefix, replications: 10 }, { ...sweepOf(['<i>', '"&']), params: ['<i>', '"&'] })
    assert.doesNotMatch(text, /<img|<i>/)
    assert.ok(text.includes('&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;&#39; event'))
    assert.equal(documentOf(text).querySelectorAll('img, i').length, 0)
    assert.equal(documentOf(text).querySelector('h1')?.textContent, `${prefix}burst on profile`)
  })

  test('shows no NaN, Infinity or undefined, also where figures are missing', async () => {
    const { scenario, result } = scene({ faults, replications: 10 })
    const [name = '', arm] = Object.entries(result.arms)[0] ?? []
    const gone = {
      ...arm!,
      succeeded: 0,
      successRatio: 0,
      answered: 0,
      ecdf: [],
      amplification: Number.NaN,
      timeToRecoverMs: null,
    }
    const differences = [
      ...result.differences,
      { arm: name, against: name, metric: 'timeToRecoverMs', mean: Number.NaN, ci95: Number.POSITIVE_INFINITY },
    ]
    const broken = { ...result, arms: { ...result.arms, [name]: gone }, differences }
    for (const text of [
      await reportHtml(scenario, broken),
      await page({ arms: ['full'], rate: [{ atMs: 0, perSec: 0 }] }),
    ])
      assert.doesNotMatch(text, /NaN|Infinity|undefined/)
  })

  test('is the same bytes for the same result', async () => {
    const spec = { replications: 10, faults }
    assert.equal(await page(spec, sweepOf(['a', 'b'])), await page(spec, sweepOf(['a', 'b'])))
  })

  test('takes eight arms and an hour of windows', async () => {
    const { scenario, result } = scene({ durationMs: 3_600_000 })
    const twice = <T>(all: Readonly<Record<string, T>>): Record<string, T> =>
      Object.fromEntries(
        Object.entries(all).flatMap(([name, one]) => [
          [name, one],
          [`${name}-again`, one],
        ]),
      )
    const arms = scenario.arms.flatMap((arm) => [arm, { ...arm, name: `${arm.name}-again` }])
    const text = await reportHtml(
      { ...scenario, arms },
      { ...result, arms: twice(result.arms), fluid: twice(result.fluid) },
    )
    assert.ok(text.length < 1_500_000, `${text.length} characters`)
    assert.equal(documentOf(text).querySelector('figure')?.querySelectorAll('svg.plot').length, 8)
  })
})

/** Tags that are not closed, or closed out of turn. */
function unbalanced(text: string): readonly string[] {
  const open: string[] = []
  const wrong: string[] = []
  for (const [tag, slash, name = '', end] of text.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*?(\/?)>/g)) {
    if (slash === '/') {
      if (open.pop() !== name) wrong.push(tag)
    } else if (end !== '/' && name !== 'meta') open.push(name)
  }
  return [...wrong, ...open]
}
