/** Prints a line for people. `console`, because it also survives a stderr that nobody reads any more, which must end no process. */
export const toStderr = (line: string): void => console.error(line)
