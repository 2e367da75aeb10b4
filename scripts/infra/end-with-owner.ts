/** Waits until the process that has started it is gone, and ends what that has left in a folder: see `endWithThisProcess`. */
import { endLeftBehind, removeAllButLogs } from './left-behind.ts'

const [folder] = process.argv.slice(2)
if (folder !== undefined)
  process.stdin.resume().once('end', async () => {
    // What has ended by itself is left as it is: somebody may want to look at it.
    if (await endLeftBehind(folder)) removeAllButLogs(folder)
  })
