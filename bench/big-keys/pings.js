// @ts-check
// A client that pings once a millisecond: `pings.js PORT`. Told to look, it says what it saw since.
import { connect } from 'node:net'
import { setPriority } from 'node:os'

const EVERY_MS = 1

try {
  // What is measured is the server's delay, not who of the clients gets this core.
  setPriority(-19)
} catch {
  // Others may not.
}

/** @type {{ atMs: number, tookMs: number }[]} */
let seen = []
let nextMs = performance.now()
let answeredMs = 0
const socket = connect(Number(process.argv[2]), '127.0.0.1', ping)
socket.setNoDelay(true)

function ping() {
  const sentMs = performance.now()
  // Those that had to wait for an answer before they could be sent have waited as well.
  const dueMs = answeredMs > nextMs ? nextMs : sentMs
  socket.once('data', () => {
    answeredMs = performance.now()
    seen.push({ atMs: dueMs, tookMs: answeredMs - dueMs })
    nextMs = Math.max(nextMs, dueMs) + EVERY_MS
    if (answeredMs >= nextMs) ping()
    else setTimeout(ping, nextMs - answeredMs)
  })
  socket.write('PING\r\n')
}

process.on('message', () => {
  process.send?.(seen)
  seen = []
})
process.once('disconnect', () => process.exit(0))
