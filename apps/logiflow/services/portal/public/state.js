/** What this page knows of the server: its clocks, and since when it has not been heard. */
const HEARD_MAX_MS = 4_000

let server = null
let world = null
let heardAt = performance.now()
let lostAt = performance.now()

/** Something came from the server, with its time of day. */
export function heard(nowMs) {
  heardAt = performance.now()
  server = { nowMs, at: heardAt }
  lostAt = null
}

/** The transport world's clock, which runs faster. */
export function heardClock({ simNowMs, speed }) {
  world = { simNowMs, speed, at: performance.now() }
}

export function lose() {
  lostAt ??= heardAt
}

/** The server says something twice a second: silence is a loss too. */
export const isLost = () => {
  if (performance.now() - heardAt > HEARD_MAX_MS) lose()
  return lostAt !== null
}

export const isNew = () => server === null
export const lostForMs = () => performance.now() - (lostAt ?? performance.now())

/** The server's time of day; it goes on while the server is silent, so that ages go on. */
export const serverNow = () => (server === null ? Date.now() : server.nowMs + performance.now() - server.at)

/** The time on the road; it stands still while the server is silent: nobody knows what happens there. */
export const roadNow = () =>
  world === null ? null : world.simNowMs + ((lostAt ?? performance.now()) - world.at) * world.speed
