// @ts-check
// A foreign program that writes to a SQLite file in a tight loop, and holds the lock each time for
// as long as it is told to. It knows nothing of taking turns.
const [file = '', holdMs = '0'] = process.argv.slice(2)
const dist = new URL('../../dist/', import.meta.url)
const { loadDriver } = await import(new URL('engine/sqlite/driver.js', dist).href)
const database = (await loadDriver()).open(file)
// Its table waits for whoever writes at that moment. The loop does not: it tries again at once.
database.exec('PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL')
database.exec('CREATE TABLE IF NOT EXISTS foreign_tally (count INTEGER)')
database.exec('INSERT INTO foreign_tally VALUES (0)')
database.exec('PRAGMA busy_timeout = 0')
process.once('disconnect', () => process.exit())

const begin = database.prepare('BEGIN IMMEDIATE')
const count = database.prepare('UPDATE foreign_tally SET count = count + 1')
const commit = database.prepare('COMMIT')
const held = new Int32Array(new SharedArrayBuffer(4))

let isKnown = false

function loop() {
  const endMs = performance.now() + 50
  while (performance.now() < endMs) {
    try {
      begin.run()
    } catch {
      continue
    }
    count.run()
    if (!isKnown) process.send?.('writing')
    isKnown = true
    if (Number(holdMs) > 0) Atomics.wait(held, 0, 0, Number(holdMs))
    commit.run()
  }
  // Messages, such as that the test is over, want a moment.
  setImmediate(loop)
}
loop()
