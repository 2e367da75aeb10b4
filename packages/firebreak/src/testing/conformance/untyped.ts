/** A value that TypeScript would refuse here, and a caller in JavaScript can pass all the same. */
export const untyped = <T>(value: unknown): T => value as T
