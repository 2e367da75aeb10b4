import { allowActions } from './actions.js'
import { ago, byId, clockTime, count, make, redrawAges } from './dom.js'
import { showLetters } from './letters.js'
import { createMap } from './map.js'
import { showFreshness, showServices, wireOps } from './ops.js'
import { fillOrderForm, wireOrderForm } from './order-form.js'
import { cardOf, detailOf, isUnderWay } from './shipment.js'
import { heard, heardClock, isLost, isNew, lose, lostForMs, roadNow } from './state.js'

const CARDS_MAX = 60
/** Steps are ticked as time passes on the road; the rest of a shipment changes by events. */
const ROAD_EVERY_TICKS = 5
const shipments = new Map()
let chosenId = null
let map = null
let ops = null
let freshness = null

const newestFirst = () =>
  [...shipments.values()].sort((a, b) => b.orderNumber.localeCompare(a.orderNumber)).slice(0, CARDS_MAX)

function drawList() {
  const list = newestFirst()
  const moving = list.filter(isUnderWay).length
  const delivered = list.filter(({ status }) => status === 'delivered').length
  byId('empty').hidden = list.length > 0
  byId('totals').textContent = list.length === 0 ? '' : `${moving} under way, ${delivered} delivered`
  byId('map-note').textContent = `${count(moving, 'shipment')} under way`
  const held = document.activeElement?.dataset?.order
  byId('cards').replaceChildren(
    ...list.map((shipment) => make('li', {}, cardOf(shipment, shipment.orderId === chosenId, choose))),
  )
  if (held !== undefined)
    byId('cards')
      .querySelector(`[data-order="${CSS.escape(held)}"]`)
      ?.focus({ preventScroll: true })
}

function fillDetail(shipment) {
  const body = byId('detail-body')
  const at = body.contains(document.activeElement)
    ? [...body.querySelectorAll('a')].indexOf(document.activeElement)
    : -1
  body.replaceChildren(...detailOf(shipment))
  body.querySelectorAll('a')[at]?.focus({ preventScroll: true })
}

async function drawDetail() {
  const shipment = shipments.get(chosenId)
  if (shipment === undefined) return
  byId('detail-title').textContent = shipment.orderNumber
  byId('back').hidden = false
  fillDetail(shipment)
  map?.choose(shipment.route)
  if (shipment.invoice !== null || isLost()) return
  const answer = await fetch(`/api/orders/${shipment.orderId}`).catch(() => null)
  if (answer?.ok && chosenId === shipment.orderId) fillDetail(await answer.json())
}

function chooseNothing(text) {
  chosenId = null
  byId('detail-title').textContent = 'Select a shipment'
  byId('detail-body').replaceChildren(make('p', { class: 'muted' }, text))
  byId('back').hidden = true
  map?.choose(null)
  drawList()
}

/** The address names the shipment, so it can be kept, sent and left with the back button. */
function choose(orderId) {
  const { orderNumber } = shipments.get(orderId)
  if (location.hash === `#${orderNumber}`) show(orderId)
  else location.hash = orderNumber
}

function show(orderId) {
  chosenId = orderId
  drawList()
  drawDetail()
  if (matchMedia('(max-width: 70rem)').matches) byId('detail').scrollIntoView({ block: 'start' })
}

async function followAddress() {
  const wanted = decodeURIComponent(location.hash.slice(1))
  if (wanted === '' || wanted === 'shipments') {
    if (chosenId !== null) chooseNothing('Select a shipment to see its route, ETA and invoice.')
    if (wanted === 'shipments') byId('shipments').focus()
    return
  }
  const known = () => [...shipments.values()].find((one) => one.orderNumber === wanted || one.orderId === wanted)
  if (known() === undefined) {
    const answer = await fetch(`/api/orders/${encodeURIComponent(wanted)}`).catch(() => null)
    if (answer?.ok) take([await answer.json()])
  }
  const found = known()
  if (found === undefined) chooseNothing(`There is no shipment ${wanted}.`)
  else if (found.orderId !== chosenId) show(found.orderId)
}

function take(orders) {
  for (const order of orders) if (order.order !== null) shipments.set(order.orderId, order)
  if (orders.length === 0) return
  drawList()
  if (ops !== null) showLetters(ops, shipments)
  if (orders.some(({ orderId }) => orderId === chosenId)) drawDetail()
}

/** Letters may be about shipments that are older than the list. */
async function fetchMissing() {
  const missing = [...ops.letters, ...ops.replays].filter(({ orderId }) => orderId !== null && !shipments.has(orderId))
  for (const { orderId } of missing) {
    const answer = await fetch(`/api/orders/${orderId}`).catch(() => null)
    if (answer?.ok) take([await answer.json()])
  }
}

function titleOf() {
  const letters = ops?.letters.filter(({ state }) => state === 'open').length ?? 0
  if (isLost() && !isNew()) return 'Disconnected · LogiFlow'
  if (letters > 0) return `(${letters}) dead letter${letters === 1 ? '' : 's'} · LogiFlow`
  return 'Shipments · LogiFlow'
}

function live(state, icon, text) {
  const element = byId('live')
  if (element.dataset.state !== state) {
    element.dataset.state = state
    document.body.dataset.connection = state
  }
  if (element.textContent !== `${icon} ${text}`)
    element.replaceChildren(make('span', { 'aria-hidden': 'true' }, `${icon} `), text)
}

function showConnection() {
  if (!isLost()) live('ok', '●', 'live')
  else if (isNew()) live('wait', '○', 'connecting')
  else live('lost', '⟳', `disconnected for ${ago(lostForMs())}`)
  allowActions(!isLost())
}

/** What is known, as of now: once a second, and whenever something comes. */
function redraw() {
  showConnection()
  document.title = titleOf()
  if (ops !== null) showServices(ops)
  if (freshness !== null) showFreshness(freshness, ops)
  redrawAges()
}

function takeOps(next, fresh) {
  freshness = fresh
  heard(fresh.nowMs)
  if (next !== null) {
    ops = next
    showLetters(ops, shipments)
    fetchMissing()
  }
  redraw()
}

async function refresh() {
  const overview = await (await fetch('/api/overview')).json()
  heardClock(overview.clock)
  byId('speed').textContent = overview.clock.speed
  const chosen = shipments.get(chosenId)
  shipments.clear()
  if (chosen !== undefined) shipments.set(chosen.orderId, chosen)
  takeOps(overview.ops, overview.freshness)
  take(overview.orders)
  map?.trucks(overview.trucks)
  await followAddress()
  drawDetail()
}

/** After every reconnect everything is asked anew: what was missed while away cannot be missed. */
function connect() {
  const stream = new EventSource('/api/stream')
  stream.addEventListener('open', () => refresh().catch(() => {}))
  stream.addEventListener('error', () => {
    lose()
    redraw()
  })
  stream.addEventListener('change', ({ data }) => {
    const { orders, trucks } = JSON.parse(data)
    take(orders)
    map?.trucks(trucks)
  })
  stream.addEventListener('ops', ({ data }) => {
    const message = JSON.parse(data)
    takeOps(message.ops, message.freshness)
  })
}

let ticks = 0
setInterval(() => {
  redraw()
  if (++ticks % ROAD_EVERY_TICKS !== 0 || isLost()) return
  drawList()
  const shipment = shipments.get(chosenId)
  if (shipment !== undefined && shipment.invoice !== null) fillDetail(shipment)
}, 1_000)

setInterval(() => {
  const now = roadNow()
  if (now !== null) byId('clock').textContent = clockTime(now)
}, 500)

wireOps()
wireOrderForm(async (orderId) => {
  take([await (await fetch(`/api/orders/${orderId}`)).json()])
  choose(orderId)
})
addEventListener('hashchange', followAddress)
const mapData = await (await fetch('/api/map')).json()
fillOrderForm(mapData)
map = createMap(byId('map'), mapData, (truckId) => {
  const shipment = newestFirst().find(({ route, status }) => route?.truckId === truckId && status !== 'delivered')
  if (shipment !== undefined) choose(shipment.orderId)
})
connect()
