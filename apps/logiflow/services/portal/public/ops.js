import { act } from './actions.js'
import { age, ago, byId, count, draw, make } from './dom.js'
import { isLost, serverNow } from './state.js'

const states = {
  up: ['✔', 'ok', 'up'],
  starting: ['⟳', 'wait', 'starting'],
  waiting: ['✖', 'fail', 'down'],
  stopped: ['■', 'fail', 'stopped'],
}
const PICTURE = { width: 180, height: 28, looks: 180, least: 8 }

const againIn = ({ state, restartAtMs, sinceMs }) => {
  if (state === 'waiting' && restartAtMs) return `, restarting in ${ago(restartAtMs - serverNow())}`
  return state === 'stopped' ? ` for ${ago(serverNow() - sinceMs)}` : ''
}

/** How many waited in the last one and a half minutes: it fills while a service is down, and drains when it is back. */
function sparkline(history) {
  const { width, height, looks, least } = PICTURE
  const most = Math.max(least, ...history)
  const x = (index) => ((index + looks - history.length) / (looks - 1)) * width
  const y = (waiting) => height - 1 - (waiting / most) * (height - 3)
  const points = history.map((waiting, index) => `${x(index).toFixed(1)} ${y(waiting).toFixed(1)}`)
  if (points.length < 2) points.push(`${width} ${points[0]?.split(' ')[1] ?? height - 1}`)
  const line = `M${points.join('L')}`
  return draw(
    'svg',
    { class: 'spark', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    draw('path', { class: 'spark-area', d: `${line}V${height}H${x(0).toFixed(1)}Z` }),
    draw('path', { class: 'spark-line', d: line }),
  )
}

function queueText(queue) {
  if (queue === undefined) return ['trucks and customers']
  if (queue.waiting === 0) return ['nothing waiting']
  return [make('strong', {}, `${queue.waiting} waiting`), ' for ', age(queue.sinceMs)]
}

/** A service is as well as the best of its instances: the others go on with the work of one that is down. */
function serviceItem(name, instances, queue) {
  const best = ['up', 'starting', 'waiting', 'stopped'].find((state) => instances.some((one) => one.state === state))
  const [icon, tone, word] = states[best]
  const ups = instances.filter(({ state }) => state === 'up').length
  const isPartly = best === 'up' && ups < instances.length
  const says = instances.length === 1 ? `${word}${againIn(instances[0])}` : `${ups} of ${instances.length} up`
  const crashed = instances.reduce((total, { crashes }) => total + crashes, 0)
  const down = instances.length === 1 ? [] : instances.filter(({ state }) => state !== 'up')
  const shownTone = isLost() ? 'muted' : isPartly ? 'wait' : tone
  const state = isLost() ? `? was ${word}` : `${icon} ${says}`
  return make(
    'li',
    { 'data-tone': shownTone, 'data-service': name, 'data-state': best },
    make('b', {}, name, make('span', { class: 'tag', 'data-tone': shownTone }, state)),
    make('p', {}, ...queueText(queue), crashed > 0 ? ` · crashed ${count(crashed, 'time')}` : null),
    queue === undefined ? null : sparkline(queue.history),
    ...down.map((one) => make('p', {}, `${one.name}: ${states[one.state][2]}${againIn(one)}`)),
  )
}

const isStopped = ({ services }, name) =>
  services.filter(({ service }) => service === name).every(({ state }) => state === 'stopped')

export function showServices(ops) {
  const byService = Map.groupBy(ops.services, ({ service }) => service)
  byId('services').replaceChildren(
    ...[...byService].map(([name, instances]) => serviceItem(name, instances, ops.queues[name])),
  )
  const [button, stopped] = [byId('outage'), isStopped(ops, 'invoicing')]
  const text = stopped ? 'Start invoicing' : 'Stop invoicing'
  if (button.textContent !== text) button.textContent = text
}

const fresh = (icon, tone, ...text) =>
  make('li', {}, make('span', { class: 'tag', 'data-tone': isLost() ? 'muted' : tone }, `${icon} `), ...text)

function positions(heardMs) {
  if (heardMs === undefined) return fresh('○', 'muted', 'Positions: none yet')
  if (isLost() || serverNow() - heardMs > 10_000) return fresh('⟳', 'wait', 'Positions are ', age(heardMs), ' old')
  return fresh('✔', 'ok', 'Positions as of ', age(heardMs), ' ago')
}

function routes(heardMs) {
  if (heardMs === undefined) return fresh('○', 'muted', 'Routes: none yet')
  return isLost()
    ? fresh('?', 'muted', 'Last route ', age(heardMs), ' ago')
    : fresh('✔', 'ok', 'Last route ', age(heardMs), ' ago')
}

/** From the first one that waits: "up to date" is said when nothing is missing, and nothing else is. */
function invoices({ waiting, oldestMs }, ops) {
  if (waiting > 0)
    return fresh(
      '⟳',
      'wait',
      `${count(waiting, 'invoice')} waiting, the ${waiting === 1 ? 'only' : 'oldest'} one for `,
      age(oldestMs),
    )
  if (isLost()) return fresh('?', 'muted', 'Invoices: unknown')
  if (ops !== null && isStopped(ops, 'invoicing'))
    return fresh('■', 'wait', 'Invoicing is stopped; no invoice waits yet')
  return fresh('✔', 'ok', 'Invoices up to date')
}

/** An outage that customers should know of. */
const BANNER_AFTER_MS = 10_000

/** The honest footer: how old is what you see, per source. */
export function showFreshness({ heardMs, invoices: due }, ops) {
  const held = due.held > 0 ? fresh('✖', 'fail', `${count(due.held, 'invoice')} held by a dead letter`) : null
  const items = [positions(heardMs.tracking), routes(heardMs.routing), invoices(due, ops), held]
  byId('fresh').replaceChildren(...items.filter((item) => item !== null))
  const banner = byId('banner')
  const isDelayed = due.waiting > 0 && serverNow() - due.oldestMs >= BANNER_AFTER_MS
  // Only when it changes: a live region that is set anew is read out anew.
  if (isDelayed !== banner.hidden) return
  banner.hidden = !isDelayed
  banner.textContent = isDelayed ? 'Invoices are delayed. Your shipments are not affected; every invoice follows.' : ''
}

export function wireOps() {
  byId('outage').addEventListener('click', ({ currentTarget }) => {
    const isStart = currentTarget.textContent === 'Start invoicing'
    const done = isStart
      ? 'Invoicing starts, and works off what has waited for it.'
      : 'Invoicing is stopped until you start it. Orders and trucks go on.'
    act(currentTarget, isStart ? '/api/ops/start' : '/api/ops/stop', { service: 'invoicing' }, done)
  })
  byId('burst').addEventListener('click', ({ currentTarget }) =>
    act(currentTarget, '/api/ops/burst', { orders: 30 }, '30 customers order at the same moment.'),
  )
  byId('poison').addEventListener('click', ({ currentTarget }) =>
    act(currentTarget, '/api/ops/poison', {}, 'An order with a tariff that invoicing does not know is on its way.'),
  )
}
