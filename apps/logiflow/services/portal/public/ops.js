import { ago, byId, make, send } from './dom.js'

const states = {
  up: ['✔', 'ok', 'up'],
  starting: ['⟳', 'wait', 'starting'],
  waiting: ['✖', 'fail', 'down'],
  stopped: ['✖', 'fail', 'stopped'],
}

/** Every truck reports at the same moment: that many records on their way are no backlog. */
const IN_PASSING_MAX = 40

const say = (text) => {
  byId('said').textContent = text
}

async function act(button, work, done) {
  button.disabled = true
  try {
    await work()
    say(done)
  } catch (error) {
    say(`That did not work: ${error.message}`)
  } finally {
    button.disabled = false
  }
}

const againIn = ({ state, restartAtMs }) =>
  state === 'waiting' && restartAtMs ? `, again in ${ago(restartAtMs - Date.now())}` : ''

/** A service is as well as the best of its instances: the others go on with the work of one that is down. */
function serviceItem(name, instances, backlog) {
  const best = ['up', 'starting', 'waiting', 'stopped'].find((state) => instances.some((one) => one.state === state))
  const [icon, tone, word] = states[best]
  const ups = instances.filter(({ state }) => state === 'up').length
  const isPartly = best === 'up' && ups < instances.length
  const says = instances.length === 1 ? `${word}${againIn(instances[0])}` : `${ups} of ${instances.length} up`
  const crashed = instances.reduce((total, { crashes }) => total + crashes, 0)
  const crashes = crashed > 0 ? ` · crashed ${crashed} ×` : ''
  const down = instances.length === 1 ? [] : instances.filter(({ state }) => state !== 'up')
  const isQuiet = backlog === 0 || (name === 'portal' && backlog <= IN_PASSING_MAX)
  const queue =
    backlog === undefined ? 'drives trucks, places orders' : isQuiet ? 'nothing waiting' : `${backlog} waiting`
  return make(
    'li',
    { 'data-tone': isPartly ? 'wait' : tone, 'data-service': name, 'data-state': best },
    make('b', {}, name, make('span', { class: 'tag', 'data-tone': isPartly ? 'wait' : tone }, `${icon} ${says}`)),
    make('p', {}, `${queue}${crashes}`),
    ...down.map((one) =>
      make('p', { 'data-instance': one.name }, `${one.name} ${states[one.state][2]}${againIn(one)}`),
    ),
  )
}

const publishButton = (tariffId) =>
  make(
    'button',
    {
      type: 'button',
      onclick: (event) =>
        act(
          event.currentTarget,
          () => send('/api/ops/tariffs', { tariffId }),
          `Tariff ${tariffId} is published. Invoicing reads it when what came before is done.`,
        ),
    },
    'Publish the tariff',
  )

function replayButton({ service, id }, isOffered) {
  const path = `/api/ops/letters/${service}/${encodeURIComponent(id)}/replay`
  return make(
    'button',
    {
      type: 'button',
      class: 'primary',
      disabled: isOffered ? null : '',
      onclick: (event) =>
        act(event.currentTarget, () => send(path), 'Replaying: only the service that failed sees it again.'),
    },
    'Replay',
  )
}

/** Published is not read: a replay before the service has read it would fail as before, so it is offered after that. */
function fixLine({ service, fix }) {
  if (fix === null) return null
  const { tariffId, isDone } = fix
  const text = isDone
    ? `Tariff ${tariffId} is known to ${service} now: replay the letter.`
    : `Tariff ${tariffId} is not known to ${service} yet; the letter can be replayed when it is.`
  return make('p', {}, make('span', { class: 'tag', 'data-tone': isDone ? 'ok' : 'wait' }, isDone ? '✔ ' : '○ '), text)
}

function letterItem(letter) {
  const isOpen = letter.state === 'open'
  const isFixed = letter.fix === null || letter.fix.isDone
  return make(
    'div',
    { class: 'letter', 'data-letter': letter.id },
    make(
      'p',
      {},
      make('span', { class: 'tag', 'data-tone': 'fail' }, '✖ dead letter'),
      ` in ${letter.service}: ${letter.eventType} of ${letter.key}`,
    ),
    make('p', { class: 'muted' }, letter.message),
    make(
      'p',
      { class: 'muted small' },
      `${letter.attempts} attempt${letter.attempts === 1 ? '' : 's'}, ${ago(Date.now() - letter.atMs)} ago. Nothing else waits for it.`,
    ),
    isOpen ? fixLine(letter) : null,
    make(
      'div',
      { class: 'buttons' },
      isFixed ? null : publishButton(letter.fix.tariffId),
      isOpen ? replayButton(letter, isFixed) : make('span', { class: 'tag', 'data-tone': 'wait' }, '⟳ replaying'),
    ),
  )
}

let shown = ''

/** Redraws letters only when they change, so that a button is not replaced under a finger. */
export function showOps(ops) {
  const byService = Map.groupBy(ops.services, ({ service }) => service)
  byId('services').replaceChildren(
    ...[...byService].map(([name, instances]) => serviceItem(name, instances, ops.backlog[name])),
  )
  const letters = JSON.stringify(ops.letters)
  if (letters === shown) return
  shown = letters
  byId('letters').replaceChildren(...ops.letters.map(letterItem))
}

const fresh = (icon, tone, text) => make('li', {}, make('span', { class: 'tag', 'data-tone': tone }, `${icon} `), text)

/** What is known of the invoices: how many wait, since when, and how many of them wait for a person. */
function invoiceState({ nowMs, heardMs, invoices }, ops) {
  const held = ops?.letters.filter(({ service }) => service === 'invoicing').length ?? 0
  const waiting = Math.max(0, invoices.waiting - held)
  const oldestMs = waiting === 0 ? 0 : nowMs - invoices.oldestMs
  // What is held is older than what waits in line: the line cannot be older than the last invoice.
  const behindMs = held > 0 ? Math.min(oldestMs, nowMs - (heardMs.invoicing ?? 0)) : oldestMs
  return { held, waiting, behindMs }
}

/** The honest footer: how old is what you see, per source. */
export function showFreshness(freshness, ops) {
  const { nowMs, heardMs } = freshness
  const since = (source) => (heardMs[source] === undefined ? undefined : nowMs - heardMs[source])
  const items = []
  const tracking = since('tracking')
  if (tracking === undefined) items.push(fresh('○', 'muted', 'Positions: none yet'))
  else if (tracking > 10_000) items.push(fresh('⟳', 'wait', `Positions are ${ago(tracking)} old`))
  else items.push(fresh('✔', 'ok', `Positions as of ${ago(tracking)} ago`))
  const routing = since('routing')
  items.push(
    routing === undefined
      ? fresh('○', 'muted', 'Routes: none yet')
      : fresh('✔', 'ok', `Last route ${ago(routing)} ago`),
  )
  const { held, waiting, behindMs } = invoiceState(freshness, ops)
  if (behindMs > 5_000) items.push(fresh('⟳', 'wait', `Invoices ${ago(behindMs)} behind, ${waiting} waiting`))
  else items.push(fresh('✔', 'ok', 'Invoices up to date'))
  if (held > 0) items.push(fresh('✖', 'fail', `${held} invoice${held > 1 ? 's' : ''} held by a dead letter`))
  byId('fresh').replaceChildren(...items)
  const banner = byId('banner')
  const isDelayed = behindMs >= 15_000
  // Only when it changes: a live region that is set anew is read out anew.
  if (isDelayed !== banner.hidden) return
  banner.hidden = !isDelayed
  banner.textContent = isDelayed ? 'Invoices are delayed. Your shipments are not affected; every invoice follows.' : ''
}

export function wireOps() {
  byId('crash').addEventListener('click', (event) =>
    act(
      event.currentTarget,
      () => send('/api/ops/crash', { service: 'invoicing' }),
      'Invoicing is killed. Watch the trucks.',
    ),
  )
  byId('poison').addEventListener('click', (event) =>
    act(
      event.currentTarget,
      () => send('/api/ops/poison'),
      'An order with a tariff that invoicing does not know is on its way.',
    ),
  )
}
