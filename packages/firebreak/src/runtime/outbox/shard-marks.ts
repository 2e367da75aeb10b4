/**
 * Which shards this instance holds, and how far each has been read.
 *
 * I1 Every row of a held shard up to its mark is accounted for: in memory, gone, blocked, or left aside by its outlet.
 */
export class ShardMarks {
  readonly #marks = new Map<number, number>()

  get shards(): readonly number[] {
    return [...this.#marks.keys()]
  }

  get size(): number {
    return this.#marks.size
  }

  has(shard: number): boolean {
    return this.#marks.has(shard)
  }

  /** **Shape** the shards of which nothing is known yet: those that somebody else may have sent from meanwhile. */
  hold(shards: readonly number[], taken: readonly number[]): readonly number[] {
    const held = new Set(shards)
    for (const shard of this.#marks.keys()) if (!held.has(shard)) this.#marks.delete(shard)
    const fresh = shards.filter((shard) => !this.#marks.has(shard) || taken.includes(shard))
    for (const shard of fresh) this.#marks.set(shard, 0)
    return fresh
  }

  readTo(shard: number): number {
    return this.#marks.get(shard) ?? 0
  }

  /** Everything behind `from` up to `to` is accounted for; nothing changes where the mark was moved meanwhile. */
  advance(shard: number, from: number, to: number): void {
    if (this.#marks.get(shard) === from && from < to) this.#marks.set(shard, to)
  }

  /** What is numbered `seq` and later is to be read again. */
  back(seq: number): void {
    for (const [shard, mark] of this.#marks) if (mark >= seq) this.#marks.set(shard, seq - 1)
  }
}
