/** Of databases, their transactions and the ledger in them. */
export const databaseErrors = {
  FB_COMMIT_UNKNOWN: {
    kind: 'transient',
    message: 'whether a commit in {path} took effect is unknown: {reason}',
    remedy: 'Handlers find out by themselves. A transaction from outside: look at its rows before doing it again.',
  },
  FB_DATABASE_BEHIND: {
    kind: 'config',
    message: 'the database knows less than it has committed: {what} stood at {committed}, and is at {found}',
    remedy:
      'Start the service again: it goes on from what the database holds, and repeats what was lost. Guide 5, section 7.',
  },
  FB_DATABASE_BUSY: {
    kind: 'transient',
    message: 'database {path} stayed locked for {waitedMs} ms',
    remedy: 'Another process holds a long transaction on it; end that one.',
  },
  FB_DATABASE_CORRUPT: {
    kind: 'config',
    message: 'database {path} is damaged or not a firebreak database: {reason}',
    remedy: 'Restore it from a backup, or move it aside to start empty.',
  },
  FB_DATABASE_FULL: {
    kind: 'transient',
    message: 'no space left for database {path}',
    remedy: 'Free disk space; work goes on by itself.',
  },
  FB_DATABASE_READONLY: {
    kind: 'config',
    message: 'database {path} cannot be written: {reason}',
    remedy: 'Make it writable for this user; with PostgreSQL, connect to the primary.',
  },
  FB_DATABASE_REFUSED: {
    kind: 'config',
    message: 'database {path} refuses this client: {reason}',
    remedy: 'Fix user, password, database name, rights or TLS settings.',
  },
  FB_DATABASE_UNAVAILABLE: {
    kind: 'transient',
    message: 'database {path} cannot be reached: {reason}',
    remedy: 'Work waits and goes on by itself when it is back.',
  },
  FB_LEDGER_CORRUPT: {
    kind: 'config',
    message: 'the row of {table} with {where} is not what was written there',
    remedy:
      'Restore the database from a backup. To go on without it, see with firebreak verify what is damaged, and delete these rows.',
  },
  FB_STATEMENT_INVALID: {
    kind: 'bug',
    message: 'a statement cannot be run as written: {problem}; it is: {statement}',
    remedy: 'Write the statement or its values as the message says.',
  },
  FB_TRANSACTION_NESTED: {
    kind: 'bug',
    message: '{what} inside a transaction would wait for it, or commit without it, once for every attempt',
    remedy: 'Use the handle that the transaction gives you, or do it before or after the transaction.',
  },
  FB_TRANSACTION_SHARED: {
    kind: 'transient',
    message: 'a statement needs a transaction of its own, and this one is shared: {statement}',
    remedy: "Nothing to do: its unit is run alone. Say transaction: 'own' on the handler to spare the first try.",
  },
  FB_TRANSACTION_TIMEOUT: {
    kind: 'transient',
    message: 'a transaction was held open for more than {limitMs} ms',
    remedy: 'Do slow work before ctx.transaction, only SQL inside it.',
  },
} as const
