export { labCommands } from './cli/commands.ts'
