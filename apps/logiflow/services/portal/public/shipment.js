import { clockTime, euros, make } from './dom.js'
import { roadNow } from './state.js'

const tones = {
  placed: ['○', 'muted', 'placed'],
  'to pickup': ['◔', 'info', 'on its way to load'],
  'in transit': ['▶', 'info', 'in transit'],
  delivered: ['✔', 'ok', 'delivered'],
}
const reasons = {
  progress: 'the truck is behind its plan',
  deviation: 'the truck left its corridor',
  break_due: 'a driver’s break is due',
  stop_overrun: 'loading takes longer',
}

const tag = ([icon, tone, word]) =>
  make('span', { class: 'tag', 'data-tone': tone }, make('span', { 'aria-hidden': 'true' }, `${icon} `), word)
const waiting = ['○', 'muted', 'truck assigned']

const hasHappened = (instant) => Boolean(instant) && roadNow() !== null && Date.parse(instant) <= roadNow()

/** A truck is on its way when it has left its depot, not when it is planned to. */
const stateOf = ({ status, route }) =>
  status === 'to pickup' && !hasHappened(route.departAt) ? waiting : (tones[status] ?? tones.placed)
const statusTag = (shipment) => tag(stateOf(shipment))

export const isUnderWay = (shipment) => ['on its way to load', 'in transit'].includes(stateOf(shipment)[2])

const tonnes = (grams) => `${(grams / 1e6).toFixed(1)} t`
const km = (metres) => `${Math.round(metres / 1000)} km`

/** Words for the arrival: planned, expected, done. */
function arrival(shipment) {
  const zone = shipment.order?.zone
  if (shipment.deliveredAt) return ['Delivered', clockTime(shipment.deliveredAt, zone)]
  if (shipment.eta) return ['Arrives', clockTime(shipment.eta, zone)]
  return ['Arrives', 'ETA pending']
}

const invoiceWord = (shipment) => {
  if (shipment.invoice) return tag(['✔', 'muted', euros(shipment.invoice.gross)])
  return shipment.route ? tag(['⟳', 'wait', 'invoice pending']) : tag(['○', 'muted', 'no invoice yet'])
}

export function cardOf(shipment, isChosen, onChoose) {
  const { order } = shipment
  const [word, time] = arrival(shipment)
  return make(
    'button',
    {
      type: 'button',
      class: 'card',
      'aria-pressed': isChosen,
      'data-order': shipment.orderId,
      onclick: () => onChoose(shipment.orderId),
    },
    make('span', { class: 'way' }, `${order.from} → ${order.to}`),
    make('span', { class: 'when' }, make('span', { class: 'muted line' }, `${word} `), time),
    make('span', { class: 'line' }, `${shipment.orderNumber} · ${order.pallets} pallets`),
    make('span', { class: 'bill' }, invoiceWord(shipment)),
    statusTag(shipment),
  )
}

function etaBlock(shipment) {
  const zone = shipment.order?.zone
  const [word, time] = arrival(shipment)
  const isMoved = shipment.eta !== shipment.promisedEta && !shipment.deliveredAt
  const shiftMin = isMoved ? Math.round((Date.parse(shipment.eta) - Date.parse(shipment.promisedEta)) / 60_000) : 0
  const lateMin = Math.round((shipment.lateS ?? 0) / 60)
  const range =
    shipment.etaP90S && isMoved
      ? `by ${clockTime(Date.parse(shipment.eta) + shipment.etaP90S * 1000, zone)} nine times in ten`
      : ''
  const notes = [
    isMoved
      ? `was ${clockTime(shipment.promisedEta, zone)}, ${shiftMin > 0 ? '+' : ''}${shiftMin} min: ${shiftMin < 0 ? 'the truck is ahead of its plan' : (reasons[shipment.etaReason] ?? '')}`
      : '',
    range,
    shipment.deliveredAt
      ? `received by ${shipment.receiverInitials}${lateMin > 0 ? `, ${lateMin} min late` : ', in time'}`
      : '',
  ].filter((note) => note !== '')
  return make(
    'div',
    {},
    make('p', { class: 'eta' }, make('span', { class: 'muted' }, word), make('strong', {}, time), statusTag(shipment)),
    ...notes.map((note) => make('p', { class: 'muted' }, note)),
  )
}

function facts(shipment) {
  const { order, route } = shipment
  const rows = [
    ['Customer', shipment.customer],
    ['Load', `${order.pallets} pallets · ${tonnes(order.weightG)} · ${(order.ldmCm / 100).toFixed(1)} ldm`],
    ['Goods', `${order.goods} (${order.service})`],
    ['Distance', `${km(order.distanceM)} loaded`],
    ['Truck', route ? route.plate : 'being assigned'],
    ['Address', make('a', { href: `#${shipment.orderNumber}` }, 'Link to this shipment')],
  ]
  return make('dl', { class: 'facts' }, ...rows.flatMap(([term, text]) => [make('dt', {}, term), make('dd', {}, text)]))
}

function steps(shipment) {
  const { order, route } = shipment
  const pickup = route?.stops.find(({ kind }) => kind === 'pickup')
  const list = [
    [shipment.placedAt, 'Order placed', true],
    [route?.calculatedAt, 'Route calculated', Boolean(route)],
    [route?.departAt, `Truck ${route?.plate ?? ''} leaves its depot`, hasHappened(route?.departAt)],
    [shipment.pickedUpAt ?? pickup?.eta, `Loaded in ${order.from}`, Boolean(shipment.pickedUpAt)],
    [shipment.deliveredAt ?? shipment.eta, `Delivered in ${order.to}`, Boolean(shipment.deliveredAt)],
  ]
  return make(
    'ol',
    { class: 'steps' },
    ...list.map(([at, text, done]) =>
      make(
        'li',
        { 'data-done': done ? 'yes' : 'no' },
        make('time', {}, at ? clockTime(at, order.zone) : '–'),
        make('span', {}, `${done ? '✔' : '○'} ${text}${done ? '' : ' (expected)'}`),
      ),
    ),
  )
}

function invoiceTable(invoice) {
  const row = (label, amount, sum) =>
    make('tr', sum ? { class: 'sum' } : {}, make('td', {}, label), make('td', {}, euros(amount)))
  const lineText = ({ text, quantity, unit, unitPrice }) =>
    unit === 'KMT' ? `${text}: ${quantity} km × ${euros(unitPrice)}` : text
  const vatText = ({ category, rateBp }) => (category === 'AE' ? 'VAT, reverse charge' : `VAT ${rateBp / 100} %`)
  return make(
    'table',
    {},
    make(
      'tbody',
      {},
      ...invoice.lines.map((line) => row(lineText(line), line.net)),
      ...invoice.vat.map((group) => row(vatText(group), group.tax)),
      row('Total', invoice.gross, true),
    ),
  )
}

function invoiceBlock(shipment) {
  const { invoice } = shipment
  if (invoice) {
    const href = `/api/invoices/${invoice.number}/pdf`
    const size = `${invoice.pdf.pages} page${invoice.pdf.pages > 1 ? 's' : ''}, ${Math.round(invoice.pdf.bytes / 1000)} kB`
    return [
      make('h3', {}, `Invoice ${invoice.number}`),
      invoiceTable(invoice),
      make('a', { class: 'pdf', href, target: '_blank', rel: 'noopener' }, `Open PDF (${size})`),
    ]
  }
  const ahead = shipment.invoicesAhead > 0 ? `, ${shipment.invoicesAhead} ahead of yours` : ''
  const text = shipment.route
    ? `Being prepared${ahead}. Your transport does not wait for it.`
    : 'Follows when the truck is on its way.'
  return [make('h3', {}, 'Invoice'), make('p', { class: 'muted' }, text)]
}

export const detailOf = (shipment) => [
  etaBlock(shipment),
  facts(shipment),
  make('h3', {}, 'Timeline'),
  steps(shipment),
  ...invoiceBlock(shipment),
]
