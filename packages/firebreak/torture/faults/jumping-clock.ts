/**
 * Loaded before everything else in each thread of a process under torture: its wall clock can be set, its monotonic clock
 * cannot, as on a machine whose time somebody corrects.
 */
import { clockChannel, clockVariable } from '../history/clock-names.ts'

const channel = new BroadcastChannel(clockChannel)
const machines = Date.now
let aheadMs = Number(process.env[clockVariable] ?? 0)

Date.now = () => machines() + aheadMs
channel.onmessage = ({ data }) => {
  aheadMs = Number(data)
}
channel.unref()
