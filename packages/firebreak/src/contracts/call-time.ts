import type { NumberOption } from './option.ts'

/** What is left for a call: often a difference, so it may have fractions, be over already, or never end. */
export const callTime: NumberOption = {
  kind: 'number',
  unit: 'ms',
  least: -Number.MAX_SAFE_INTEGER,
  most: Number.MAX_SAFE_INTEGER,
  hasFractions: true,
  or: [Number.POSITIVE_INFINITY],
  default: Number.POSITIVE_INFINITY,
  meaning: 'time that is left for a call; that of its policy counts too where it is nearer',
}
