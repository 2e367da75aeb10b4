import { z } from 'zod'
import { orderPlaced, positionReported } from './payloads.ts'

/** A dispatcher sends a truck off with an order. */
export const dispatchRequest = z.object({ order: orderPlaced, truckId: z.string().min(1) })
export type DispatchRequest = z.infer<typeof dispatchRequest>

/** On-board units report in batches. */
export const positionBatch = z.object({ positions: z.array(positionReported).min(1).max(100).readonly() })
