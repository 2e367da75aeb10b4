import { visible } from '../contracts/text/visible.ts'

/** Tells the operator of the process what is no failure of any message: it is printed, and can be listened for. */
export const warn = (text: string, type: string): void => process.emitWarning(visible(text), type)
