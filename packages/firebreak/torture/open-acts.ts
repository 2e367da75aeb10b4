import type { Act } from 'firebreak/testing'

/** What the runtime does not stand yet. Nothing may be added; whoever fixes a kind takes its line out. */
const open: readonly RegExp[] = [
  // Errors that cannot be described, or that another object of firebreak has raised.
  /^(throws|rejects-with)-(ours|branded|error-w|error-whose|proxy|revoked|without|cannot|throwing|array-with-holes)/,
  /^throws-undefined-in-its-unit$/,
  /^asks-for-a-pause/,
  // Thenables and envelopes.
  /^returns-(a-thenable|a-promise-of-another-realm-that|rejection)/,
  /^changes-its-envelope$/,
  // Units beside or beyond their time.
  /^writes-through/,
  /^(waits-in-its-unit-for-too-long|writes-when-its-unit-is-out-of-time|never-ends-its-unit)$/,
  // SQL, the settings of its connection, and its values.
  /^(passes-(too|no-values|no-list|a-function$)|writes-(question|a-named|two)|skips|begins|commits$|ends$|rolls-back|sets-a-savepoint)/,
  /^(releases-a-savepoint|runs-(rows|no-rows)|changes-the-writing-mode|limits-the-pages)/,
  /^(binds|passes-undefined-as-sql|passes-a-symbol)/,
  // Observers and definitions.
  /^observer-rejects/,
  /^(validator-never-ends|upcaster-throws-an-object-without-prototype|upcaster-returns-a-promise-that-rejects)$/,
]

// What a unit does to its session reaches its neighbours.
export const isClosed = ({ name, group }: Act): boolean => group !== 'session' && !open.some((one) => one.test(name))
