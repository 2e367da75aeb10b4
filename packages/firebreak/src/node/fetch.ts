/** The part of `fetch` that calls need; tests pass their own. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** The machine's client: keeps connections open and uses them again. */
export const systemFetch: Fetch = (url, init) => fetch(url, init)
