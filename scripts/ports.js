// @ts-check
// Ports of this machine for servers that come and go.
import { createServer } from 'node:net'

// Below those that systems give to outgoing connections: a port whose server is down for a moment
// must not become the near end of somebody's socket. The bus of a cluster node is 10,000 higher.
const firstPort = 11_000
const lastPort = 21_999
export const busDistance = 10_000
const attempts = 200

/** A port that is free now, and so is the one of its cluster bus. @returns {Promise<number>} */
export async function findPort() {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const port = firstPort + Math.floor(Math.random() * (lastPort - firstPort + 1))
    if ((await isFree(port)) && (await isFree(port + busDistance))) return port
  }
  throw new Error(`No free port was found between ${firstPort} and ${lastPort}.`)
}

/** @param {number} port @returns {Promise<boolean>} */
function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
