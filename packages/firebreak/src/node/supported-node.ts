/** Imported first by every entry: an older Node stops at a missing module or function otherwise, and does not say why. */
const oldest = 24

const { node } = process.versions
if (Number.parseInt(node, 10) < oldest)
  throw new Error(
    `firebreak needs Node ${oldest} or newer, and this is Node ${node}. Install a newer one: https://nodejs.org`,
  )
