import { z } from 'zod'
import { type OrderPlaced, orderPlaced, type PositionReported, positionReported } from './payloads.ts'

/** A dispatcher sends a truck off with an order. */
export type DispatchRequest = { readonly order: OrderPlaced; readonly truckId: string }
export const dispatchRequest: z.ZodType<DispatchRequest> = z.object({ order: orderPlaced, truckId: z.string().min(1) })

/** On-board units report in batches. */
export type PositionBatch = { readonly positions: readonly PositionReported[] }
export const positionBatch: z.ZodType<PositionBatch> = z.object({
  positions: z.array(positionReported).min(1).max(100),
})
