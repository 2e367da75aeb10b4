/**
 * Closed forms of queues with Poisson arrivals. `load` is the arrival rate times the mean service time, in workers.
 *
 * **Source** A. K. Erlang, 1917; F. Pollaczek, 1930, and A. Khinchine, 1932
 */

/** Share of the arrivals that find all workers busy, and are lost when nobody may wait; for any distribution of service. */
export function erlangB(workers: number, load: number): number {
  let blocked = 1
  for (let n = 1; n <= workers; n++) blocked = (load * blocked) / (n + load * blocked)
  return blocked
}

/** Share of the arrivals that have to wait when all may; exponential service, load below the number of workers. */
export function erlangC(workers: number, load: number): number {
  const blocked = erlangB(workers, load)
  return (workers * blocked) / (workers - load * (1 - blocked))
}

/** Share of the arrivals that are lost when `places` may wait; exponential service. */
export function lossWithQueue(workers: number, load: number, places: number): number {
  // Each place in the queue multiplies the chance of being full by load / workers, and adds to what it is a share of.
  let full = erlangB(workers, load)
  const step = load / workers
  for (let n = 0; n < places; n++) full = (step * full) / (1 + step * full)
  return full
}

/** Mean wait for one worker. **Units** as those of the moments; the rate per the same unit */
export function waitAtOneWorker(rate: number, mean: number, second: number): number {
  return (rate * second) / (2 * (1 - rate * mean))
}
