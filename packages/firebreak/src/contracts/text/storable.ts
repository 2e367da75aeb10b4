/**
 * Text of others, as every database can keep it: PostgreSQL has no character NUL in text, so it is kept as its symbol. What
 * is compared later is made storable before it is compared.
 */
export const storable = <T extends string | null>(text: T): T =>
  text?.includes('\0') ? (text.replaceAll('\0', '\u2400') as T) : text
