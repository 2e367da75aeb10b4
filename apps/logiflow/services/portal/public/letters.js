import { act, actionButton } from './actions.js'
import { age, byId, count, euros, make } from './dom.js'

/** Letters that were replayed on this page: their result gets the focus that the letter had. */
const replayedHere = new Set()

const tag = (tone, text) => make('span', { class: 'tag', 'data-tone': tone }, text)

const orderLink = (shipment) =>
  shipment === undefined ? 'an order' : make('a', { href: `#${shipment.orderNumber}` }, shipment.orderNumber)

const publishButton = (tariffId) =>
  actionButton('Publish the tariff', {}, (event) =>
    act(
      event.currentTarget,
      '/api/ops/tariffs',
      { tariffId },
      `Tariff ${tariffId} is published. Invoicing reads it next.`,
    ),
  )

function replayButton({ service, id }, isOffered) {
  const path = `/api/ops/letters/${service}/${encodeURIComponent(id)}/replay`
  return actionButton('Replay', { class: 'primary', disabled: isOffered ? null : '' }, (event) => {
    replayedHere.add(id)
    act(event.currentTarget, path, {}, 'Replaying: only the service that failed sees it again.')
  })
}

/** Published is not read: a replay before the service has read it would fail as before, so it is offered after that. */
function fixLine({ service, fix }) {
  if (fix === null) return null
  const { tariffId, isDone } = fix
  const text = isDone
    ? `Tariff ${tariffId} is known to ${service} now: replay the letter.`
    : `Tariff ${tariffId} is not known to ${service} yet. Publish it, then replay the letter.`
  return make('p', {}, tag(isDone ? 'ok' : 'wait', isDone ? '✔ ' : '○ '), text)
}

function letterItem(letter, shipment) {
  const isOpen = letter.state === 'open'
  const isFixed = letter.fix === null || letter.fix.isDone
  const about = letter.orderId === null ? letter.key : orderLink(shipment)
  return make(
    'div',
    { class: 'letter', 'data-letter': letter.id },
    make('p', {}, tag('fail', '✖ dead letter'), ` in ${letter.service}: no invoice for `, about),
    make(
      'p',
      { class: 'muted small' },
      `${letter.message} (${letter.eventType}, ${count(letter.attempts, 'attempt')}, `,
      ...[age(letter.atMs), ' ago). Nothing else waits for it.'],
    ),
    isOpen ? fixLine(letter) : null,
    make(
      'div',
      { class: 'buttons' },
      isFixed ? null : publishButton(letter.fix.tariffId),
      isOpen ? replayButton(letter, isFixed) : tag('wait', '⟳ replaying'),
    ),
  )
}

function resultItem({ id, service, atMs }, shipment) {
  const invoice = shipment?.invoice
  const what = invoice
    ? `invoice ${invoice.number}, ${euros(invoice.gross)}, for ${shipment.orderNumber}`
    : (shipment?.orderNumber ?? 'the message')
  const link = shipment === undefined ? what : make('a', { href: `#${shipment.orderNumber}`, 'data-result': id }, what)
  return make(
    'p',
    { class: 'result' },
    ...[tag('ok', '✔ replayed '), age(atMs), ` ago: ${service} has handled it. `, link],
    '. No other service saw the message again.',
  )
}

const resultLink = (id) => byId('letters').querySelector(`[data-result="${CSS.escape(id)}"]`)

/** Where the focus goes when a letter leaves: to its result, if the person is not elsewhere by now. */
function focusResult(hadFocus) {
  for (const id of replayedHere) {
    const link = resultLink(id)
    if (link === null) continue
    replayedHere.delete(id)
    if (hadFocus || document.activeElement === document.body) link.focus()
  }
}

let shown = ''

/** Redraws letters only when they change, so that a button is not replaced under a finger. */
export function showLetters({ letters, replays }, shipments) {
  const about = (orderId) => shipments.get(orderId ?? '')
  const facts = [...letters, ...replays].map((one) => [
    one,
    about(one.orderId)?.orderNumber,
    about(one.orderId)?.invoice,
  ])
  const state = JSON.stringify(facts)
  if (state === shown) return
  shown = state
  const focused = document.activeElement
  const held = byId('letters').contains(focused)
  // A result is drawn once more when its invoice is known.
  const heldResult = focused?.getAttribute('data-result') ?? null
  byId('letters').replaceChildren(
    ...letters.map((letter) => letterItem(letter, about(letter.orderId))),
    ...replays.slice(0, 1).map((result) => resultItem(result, about(result.orderId))),
  )
  if (heldResult !== null) resultLink(heldResult)?.focus()
  focusResult(held)
}
