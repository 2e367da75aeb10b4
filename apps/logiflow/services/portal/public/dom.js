import { serverNow } from './state.js'

/** Makes an element: `make('p', { class: 'muted' }, 'text', child)`. Text is always text, never markup. */
export function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children)
}

/** The same for the elements of a drawing. */
export function draw(tag, attributes = {}, ...children) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children)
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (value !== undefined && value !== null) element.setAttribute(name, String(value))
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined))
  return element
}

export const byId = (id) => document.getElementById(id)

/** What the server refused, with its reasons by field. */
export class Refused extends Error {
  constructor(message, fields) {
    super(message)
    this.fields = fields
  }
}

export async function send(path, body, headers = {}) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body ?? {}),
  }).catch(() => {
    throw new Error('LogiFlow does not answer. Try again when the page is live.')
  })
  const answer = await response.json()
  if (!response.ok) throw new Refused(answer.title ?? `the server answered ${response.status}`, answer.fields ?? [])
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

/** An age that goes on by itself. */
export const age = (sinceMs) => make('span', { 'data-since': sinceMs }, ago(serverNow() - sinceMs))

/** Once a second: every age on the page, whatever has or has not come from the server. */
export function redrawAges() {
  for (const element of document.querySelectorAll('[data-since]'))
    element.textContent = ago(serverNow() - Number(element.dataset.since))
}

export const count = (many, one) => `${many} ${one}${many === 1 ? '' : 's'}`
