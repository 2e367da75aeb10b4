/** What a sweep over parameters says: one point per combination of values and arm. */
export interface Sweep {
  /** Names of the parameters; the plots take one or two. */
  readonly params: readonly string[]
  readonly points: readonly {
    /** In the order of `params`. */
    readonly values: readonly number[]
    readonly arm: string
    readonly successRatio: number
    /** null: never. */
    readonly timeToRecoverMs: number | null
  }[]
}
