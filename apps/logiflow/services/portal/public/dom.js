/** Makes an element: `make('p', { class: 'muted' }, 'text', child)`. Text is always text, never markup. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (value !== undefined && value !== null) element.setAttribute(name, String(value))
  }
  element.append(...children.filter((child) => child !== null && child !== undefined))
  return element
}

export const byId = (id) => document.getElementById(id)

export async function send(path, body, headers = {}) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body ?? {}),
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.title ?? `the server answered ${response.status}`)
  return answer
}

const times = new Map()

/** 04:12 where it happens. */
export function clockTime(instant, zone = 'Europe/Amsterdam') {
  let format = times.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' })
    times.set(zone, format)
  }
  return format.format(new Date(instant))
}

export const euros = ({ minor, currency }) =>
  new Intl.NumberFormat('en-IE', { style: 'currency', currency }).format(minor / 100)

export function ago(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000))
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}
