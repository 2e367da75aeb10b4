import { byId, make, send } from './dom.js'
import { isLost } from './state.js'

const say = (text) => {
  byId('said').textContent = text
}

/** A button that acts on the server. */
export const actionButton = (text, attributes, onclick) =>
  make('button', { type: 'button', 'data-acts': '', ...attributes, onclick }, text)

/** Sends what a button stands for, and says what happens now. The button keeps the focus meanwhile. */
export async function act(button, path, body, done) {
  if (button.getAttribute('aria-disabled') === 'true') return
  button.setAttribute('aria-disabled', 'true')
  try {
    await send(path, body)
    say(done)
  } catch (error) {
    say(`That did not work: ${error.message}`)
  } finally {
    if (!isLost()) button.removeAttribute('aria-disabled')
  }
}

let wasLost = false

/** Without the server there is nothing to act on. */
export function allowActions(isAllowed) {
  if (isAllowed && !wasLost) return
  wasLost = !isAllowed
  for (const button of document.querySelectorAll('[data-acts]')) {
    if (isAllowed) button.removeAttribute('aria-disabled')
    else button.setAttribute('aria-disabled', 'true')
  }
}
