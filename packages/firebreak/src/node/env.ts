/** A variable of the process's environment; undefined when it is not set or empty. */
export function env(name: string): string | undefined {
  const value = process.env[name]
  return value === undefined || value === '' ? undefined : value
}
