import { byId, clockTime, make, send } from './dom.js'
import { createMap } from './map.js'
import { showFreshness, showOps, wireOps } from './ops.js'
import { cardOf, detailOf } from './shipment.js'

const CARDS_MAX = 60
const shipments = new Map()
let chosenId = null
let map = null
let clock = null

const newestFirst = () =>
  [...shipments.values()].sort((a, b) => b.orderNumber.localeCompare(a.orderNumber)).slice(0, CARDS_MAX)

function drawList() {
  const list = newestFirst()
  const count = (status) => list.filter((shipment) => shipment.status === status).length
  byId('empty').hidden = list.length > 0
  byId('totals').textContent =
    list.length === 0 ? '' : `${count('in transit') + count('to pickup')} under way, ${count('delivered')} delivered`
  const held = document.activeElement?.dataset?.order
  byId('cards').replaceChildren(
    ...list.map((shipment) => make('li', {}, cardOf(shipment, shipment.orderId === chosenId, choose))),
  )
  if (held !== undefined)
    byId('cards')
      .querySelector(`[data-order="${CSS.escape(held)}"]`)
      ?.focus({ preventScroll: true })
}

async function drawDetail() {
  const shipment = shipments.get(chosenId)
  if (shipment === undefined) return
  byId('detail-title').textContent = shipment.orderNumber
  byId('detail-body').replaceChildren(...detailOf(shipment))
  map?.choose(shipment.route)
  if (shipment.invoice !== null) return
  const answer = await fetch(`/api/orders/${shipment.orderId}`)
  if (!answer.ok || chosenId !== shipment.orderId) return
  byId('detail-body').replaceChildren(...detailOf(await answer.json()))
}

function choose(orderId) {
  chosenId = orderId
  history.replaceState(null, '', `#${orderId}`)
  drawList()
  drawDetail()
  if (matchMedia('(max-width: 70rem)').matches) byId('detail').scrollIntoView({ behavior: 'smooth', block: 'start' })
}

function showTrucks(trucks, isAll) {
  map?.trucks(trucks)
  if (isAll) map?.choose(shipments.get(chosenId)?.route)
}

function onTheRoad() {
  const moving = [...shipments.values()].filter(
    ({ status }) => status === 'in transit' || status === 'to pickup',
  ).length
  byId('map-note').textContent = `${moving} shipment${moving === 1 ? '' : 's'} under way`
}

function take(orders) {
  for (const order of orders) if (order.order !== null) shipments.set(order.orderId, order)
  if (orders.length === 0) return
  drawList()
  onTheRoad()
  if (orders.some(({ orderId }) => orderId === chosenId)) drawDetail()
}

async function refresh() {
  const overview = await (await fetch('/api/overview')).json()
  clock = { ...overview.clock, atMs: performance.now() }
  byId('speed').textContent = overview.clock.speed
  shipments.clear()
  take(overview.orders)
  showTrucks(overview.trucks, true)
  showFreshness(overview.freshness, overview.ops)
  if (overview.ops !== null) showOps(overview.ops)
  drawDetail()
}

function live(state, icon, text) {
  const element = byId('live')
  element.dataset.state = state
  element.replaceChildren(make('span', { 'aria-hidden': 'true' }, `${icon} `), text)
}

/** After every reconnect everything is asked anew: what was missed while away cannot be missed. */
function connect() {
  const stream = new EventSource('/api/stream')
  stream.addEventListener('open', () => {
    live('ok', '●', 'live')
    refresh().catch(() => {})
  })
  stream.addEventListener('error', () => live('wait', '⟳', 'reconnecting; what you see may be old'))
  stream.addEventListener('change', ({ data }) => {
    const { orders, trucks } = JSON.parse(data)
    take(orders)
    showTrucks(trucks, false)
  })
  stream.addEventListener('ops', ({ data }) => {
    const { ops, freshness } = JSON.parse(data)
    showOps(ops)
    showFreshness(freshness, ops)
  })
}

function fillOrderForm({ customers, places }) {
  const byName = (a, b) => a[1].localeCompare(b[1])
  byId('customer').replaceChildren(
    ...customers.map(({ customerId, name, place }) => make('option', { value: customerId }, `${name}, ${place}`)),
  )
  byId('to').replaceChildren(
    ...[...places].sort(byName).map(([id, name, country]) => make('option', { value: id }, `${name} (${country})`)),
  )
  const start = places.find(([, name]) => name === 'Maastricht')
  if (start !== undefined) byId('to').value = start[0]
}

function wireOrderForm() {
  const dialog = byId('order-dialog')
  byId('new-order').addEventListener('click', () => {
    byId('order-error').textContent = ''
    dialog.showModal()
  })
  byId('order-cancel').addEventListener('click', () => dialog.close())
  byId('order-form').addEventListener('submit', async (event) => {
    event.preventDefault()
    const fields = Object.fromEntries(new FormData(event.currentTarget))
    try {
      const placed = await send(
        '/api/orders',
        { ...fields, pallets: Number(fields.pallets) },
        { 'idempotency-key': crypto.randomUUID() },
      )
      dialog.close()
      const answer = await fetch(`/api/orders/${placed.orderId}`)
      take([await answer.json()])
      choose(placed.orderId)
    } catch (error) {
      byId('order-error').textContent = error.message
    }
  })
}

setInterval(() => {
  if (clock === null) return
  const simMs = clock.simNowMs + (performance.now() - clock.atMs) * clock.speed
  byId('clock').textContent = clockTime(simMs)
}, 500)

wireOps()
wireOrderForm()
chosenId = location.hash.slice(1) || null
const mapData = await (await fetch('/api/map')).json()
fillOrderForm(mapData)
map = createMap(byId('map'), mapData, (truckId) => {
  const shipment = newestFirst().find(({ route, status }) => route?.truckId === truckId && status !== 'delivered')
  if (shipment !== undefined) choose(shipment.orderId)
})
connect()
