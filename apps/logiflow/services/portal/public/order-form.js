import { byId, make, Refused, send } from './dom.js'

let key = crypto.randomUUID()

export function fillOrderForm({ customers, places }) {
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

const controls = () => [...byId('order-form').querySelectorAll('input, select')]
const errorOf = (control) => byId(`${control.id}-error`)

function clear(control) {
  control.removeAttribute('aria-invalid')
  errorOf(control).textContent = ''
}

/** The reason at the field it is about, which gets the focus; what is about none stands below. */
function refuse(error) {
  const reasons = error instanceof Refused ? error.fields : []
  let first = null
  for (const { field, message } of reasons) {
    const control = controls().find(({ name }) => name === field)
    if (control === undefined) continue
    control.setAttribute('aria-invalid', 'true')
    errorOf(control).textContent = message
    first ??= control
  }
  if (first === null) byId('order-error').textContent = error.message
  else first.focus()
}

function reset() {
  byId('order-error').textContent = ''
  for (const control of controls()) clear(control)
}

/** `placed` gets the id of every order that was taken. */
export function wireOrderForm(placed) {
  const [dialog, form] = [byId('order-dialog'), byId('order-form')]
  byId('new-order').addEventListener('click', () => {
    reset()
    dialog.showModal()
  })
  byId('order-cancel').addEventListener('click', () => dialog.close())
  // Another order needs another key; the same one sent again is taken once.
  form.addEventListener('input', ({ target }) => {
    key = crypto.randomUUID()
    clear(target)
  })
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    reset()
    const fields = Object.fromEntries(new FormData(form))
    try {
      const order = { ...fields, pallets: Number(fields.pallets) }
      const { orderId } = await send('/api/orders', order, { 'idempotency-key': key })
      key = crypto.randomUUID()
      dialog.close()
      await placed(orderId)
    } catch (error) {
      refuse(error)
    }
  })
}
