// The proxy against a real server, over raw sockets: a client would hide what really arrives.
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { seededNumbers } from '../seeded.ts'
import { everyConnection, type FaultProxy, type ProxyOptions, startProxy } from './proxy.js'
import { waitUntil } from './resp.js'
import { type Server, startServer } from './server.js'

/** A socket that remembers what came and how it ended. */
interface Caller {
  readonly socket: Socket
  /** All that came so far. */
  text(): string
  /** Undefined while it is open: else `FIN` or the code of the error. */
  end(): string | undefined
  send(command: string): void
  /** Sends a command, and waits until so much has come in all. */
  ask(command: string, reply: string): Promise<void>
  until(what: string): Promise<void>
}

let server: Server
const proxies: FaultProxy[] = []
const callers: Caller[] = []

beforeAll(async () => {
  server = await startServer()
})

afterEach(async () => {
  for (const { socket } of callers.splice(0)) socket.destroy()
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()))
})

afterAll(() => server.close())

async function openProxy(options: Partial<ProxyOptions> = {}): Promise<FaultProxy> {
  const proxy = await startProxy({ to: server, ...options })
  proxies.push(proxy)
  return proxy
}

function call(port: number): Caller {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let text = ''
  let end: string | undefined
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk
  })
  socket.once('end', () => {
    end ??= 'FIN'
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    end ??= error.code
  })
  const until = (what: string) =>
    waitUntil(`${JSON.stringify(what)} instead of ${JSON.stringify({ text, end })}`, 4_000, () =>
      Promise.resolve(text === what || end === what),
    )
  const send = (command: string) => void socket.write(`${command}\r\n`)
  const caller: Caller = {
    ...{ socket, send, until, text: () => text, end: () => end },
    async ask(command, reply) {
      const before = text
      send(command)
      await until(before + reply)
    },
  }
  callers.push(caller)
  return caller
}

const pong = '+PONG\r\n'
const readCounter = async (key: string) => Number(await server.command('GET', key))

test('passes both directions until told otherwise, and counts', async () => {
  const proxy = await openProxy()
  const caller = call(proxy.port)
  await caller.ask('PING', pong)
  expect(proxy.counts).toMatchObject({ connections: 1, open: 1, resets: 0, ghosts: 0 })
  expect(proxy.counts).toMatchObject({ requestBytes: 6, replyBytes: 7, droppedBytes: 0 })
})

test('refused: connections are reset, the port is closed, and open again after healing', async () => {
  const proxy = await openProxy()
  const old = call(proxy.port)
  await old.ask('PING', pong)
  await proxy.fail('refused')
  await old.until('ECONNRESET')
  await call(proxy.port).until('ECONNREFUSED')
  await proxy.pass()
  await call(proxy.port).ask('PING', pong)
})

test('reset: old and new connections get RST', async () => {
  const proxy = await openProxy()
  const old = call(proxy.port)
  await old.ask('PING', pong)
  await proxy.fail('reset')
  await old.until('ECONNRESET')
  await call(proxy.port).until('ECONNRESET')
  expect(proxy.counts.resets).toBe(2)
})

test('closed: old and new connections get FIN', async () => {
  const proxy = await openProxy()
  const old = call(proxy.port)
  await old.ask('PING', pong)
  await proxy.fail('closed')
  await old.until('FIN')
  await call(proxy.port).until('FIN')
})

test('blackhole: old and new connections stay open, silent and dead, also after healing', async () => {
  const proxy = await openProxy()
  const old = call(proxy.port)
  await old.ask('PING', pong)
  await proxy.fail('blackhole')
  const fresh = call(proxy.port)
  old.send('INCR blackhole')
  fresh.send('INCR blackhole')
  await waitUntil('both are dropped', 2_000, async () => proxy.counts.droppedBytes === 32)
  await proxy.pass()
  await call(proxy.port).ask('PING', pong)
  old.send('INCR blackhole')
  await waitUntil('the old one still drops', 2_000, async () => proxy.counts.droppedBytes === 48)
  expect([old.text(), old.end(), fresh.text(), fresh.end()]).toEqual([
    pong,
    undefined,
    '',
    undefined,
  ])
  expect(await readCounter('blackhole')).toBe(0)
})

test('blackhole: a server never learns that its client is gone, until the proxy forgets it', async () => {
  const proxy = await openProxy()
  const old = call(proxy.port)
  await old.ask('CLIENT SETNAME ghost', '+OK\r\n')
  await proxy.fail('blackhole')
  old.socket.destroy()
  await waitUntil('the client is gone', 2_000, async () => proxy.counts.ghosts === 1)
  await proxy.pass()
  const names = async () => String(await server.command('CLIENT', 'LIST'))
  expect(await names()).toContain('name=ghost')
  proxy.forgetDead()
  await waitUntil('the server lets go', 2_000, async () => !(await names()).includes('name=ghost'))
  expect(proxy.counts).toMatchObject({ open: 0, ghosts: 0 })
})

test('halfOpen: old connections die silently while new ones work', async () => {
  const proxy = await openProxy()
  const old = call(proxy.port)
  await old.ask('PING', pong)
  await proxy.fail('halfOpen')
  old.send('PING')
  await call(proxy.port).ask('PING', pong)
  await waitUntil('it is dropped', 2_000, async () => proxy.counts.droppedBytes === 6)
  expect([old.text(), old.end()]).toEqual([pong, undefined])
})

test('unanswered: new connections are accepted and hear nothing while old ones work', async () => {
  const proxy = await openProxy()
  const old = call(proxy.port)
  await old.ask('PING', pong)
  await proxy.fail('unanswered')
  const fresh = call(proxy.port)
  fresh.send('PING')
  await waitUntil('it is dropped', 2_000, async () => proxy.counts.droppedBytes === 6)
  await old.ask('PING', pong)
  expect([fresh.text(), fresh.end()]).toEqual(['', undefined])
})

test('frozen: everything is delivered in order after healing', async () => {
  const proxy = await openProxy()
  const old = call(proxy.port)
  await old.ask('PING', pong)
  await proxy.fail('frozen')
  const fresh = call(proxy.port)
  old.send('ECHO 1')
  old.send('ECHO 2')
  fresh.send('ECHO 3')
  await waitUntil('the new one is in', 2_000, async () => proxy.counts.connections === 2)
  // Whatever could get through would need far less than what this other command takes.
  await server.command('PING')
  expect([old.text(), fresh.text(), proxy.counts.requestBytes]).toEqual([pong, '', 6])
  await proxy.pass()
  await old.until(`${pong}$1\r\n1\r\n$1\r\n2\r\n`)
  await fresh.until('$1\r\n3\r\n')
})

test('frozen: who sends more is slowed down, and the proxy does not grow', async () => {
  const proxy = await openProxy()
  const caller = call(proxy.port)
  await caller.ask('PING', pong)
  await proxy.fail('frozen')
  const value = Buffer.alloc(64 << 20, 'x')
  const before = process.memoryUsage().rss
  caller.socket.write(`*2\r\n$4\r\nECHO\r\n$${value.length}\r\n`)
  caller.socket.write(value)
  // Far longer than it takes to swallow as much, as the next test shows.
  await delay(500)
  expect(caller.socket.writableNeedDrain).toBe(true)
  expect(process.memoryUsage().rss - before).toBeLessThan(32 << 20)
})

test('blackhole: bytes without end are swallowed without keeping them', async () => {
  const proxy = await openProxy()
  const caller = call(proxy.port)
  await caller.ask('PING', pong)
  await proxy.fail('blackhole')
  const chunk = Buffer.alloc(1 << 20, 'x')
  const before = process.memoryUsage().rss
  for (let count = 0; count < 128; count += 1) {
    await new Promise((resolve) => caller.socket.write(chunk, resolve))
  }
  await waitUntil('all is dropped', 5_000, async () => proxy.counts.droppedBytes === 128 << 20)
  expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20)
})

test('mute: requests take effect and replies vanish', async () => {
  const proxy = await openProxy()
  const caller = call(proxy.port)
  await caller.ask('PING', pong)
  await proxy.fail('mute')
  caller.send('INCR mute')
  await waitUntil('it takes effect', 2_000, async () => (await readCounter('mute')) === 1)
  await waitUntil('the reply is dropped', 2_000, async () => proxy.counts.droppedBytes === 4)
  expect([caller.text(), caller.end()]).toEqual([pong, undefined])
})

test('deaf: requests vanish, while what the server says itself arrives', async () => {
  const proxy = await openProxy()
  const caller = call(proxy.port)
  await caller.ask('SUBSCRIBE deaf', '*3\r\n$9\r\nsubscribe\r\n$4\r\ndeaf\r\n:1\r\n')
  const before = caller.text()
  await proxy.fail('deaf')
  caller.send('UNSUBSCRIBE deaf')
  await waitUntil('it is dropped', 2_000, async () => proxy.counts.droppedBytes === 18)
  await server.command('PUBLISH', 'deaf', 'news')
  await caller.until(`${before}*3\r\n$7\r\nmessage\r\n$4\r\ndeaf\r\n$4\r\nnews\r\n`)
})

test('a reset before the reply comes after the effect, at every n-th reply', async () => {
  const proxy = await openProxy()
  await proxy.fail(everyConnection({ replies: { resetEvery: 3 } }))
  const caller = call(proxy.port)
  await caller.ask('INCR reset', ':1\r\n')
  await caller.ask('INCR reset', ':2\r\n')
  caller.send('INCR reset')
  await caller.until('ECONNRESET')
  expect(await readCounter('reset')).toBe(3)
  await call(proxy.port).ask('INCR reset', ':4\r\n')
})

test('the same seed resets the same replies', async () => {
  const runs: string[] = []
  for (let run = 0; run < 2; run += 1) {
    const proxy = await openProxy({ random: seededNumbers(7) })
    await proxy.fail(everyConnection({ replies: { resetChance: 0.3 } }))
    let pattern = ''
    for (let attempt = 0; attempt < 30; attempt += 1) {
      const caller = call(proxy.port)
      caller.send('PING')
      await waitUntil('it ends', 2_000, async () => Boolean(caller.end() ?? caller.text()))
      pattern += caller.end() === undefined ? '.' : 'x'
      caller.socket.destroy()
    }
    runs.push(pattern)
  }
  expect(runs[0]).toMatch(/x/)
  expect(runs[0]).toMatch(/\./)
  expect(runs[1]).toBe(runs[0])
})

test('a delayed connection keeps its order', async () => {
  const proxy = await openProxy({ random: seededNumbers(1) })
  await proxy.fail({ fresh: { requests: { delayMs: 50, jitterMs: 50 }, replies: { delayMs: 50 } } })
  const caller = call(proxy.port)
  const startedMs = performance.now()
  for (const word of ['1', '2', '3']) {
    caller.send(`ECHO ${word}`)
    await waitUntil('it is read', 2_000, async () => proxy.counts.requestBytes === 8 * Number(word))
  }
  await caller.until('$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n')
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(99)
})

test('garbage: as many bytes come, and others', async () => {
  const proxy = await openProxy({ random: seededNumbers(2) })
  await proxy.fail('garbage')
  const caller = call(proxy.port)
  caller.send('PING')
  await waitUntil('it comes', 2_000, async () => caller.text().length === pong.length)
  expect(caller.text()).not.toBe(pong)
})

test('truncated: a reply breaks off and the connection ends', async () => {
  const proxy = await openProxy()
  await proxy.fail('truncated')
  const caller = call(proxy.port)
  caller.send('PING')
  await caller.until('FIN')
  expect(caller.text()).toBe('+P')
})

test('stalled: a reply breaks off and nothing follows', async () => {
  const proxy = await openProxy()
  await proxy.fail('stalled')
  const caller = call(proxy.port)
  caller.send('PING')
  await caller.until('+P')
  await proxy.pass()
  caller.send('PING')
  await waitUntil('its reply is dropped', 2_000, async () => proxy.counts.droppedBytes === 7)
  expect([caller.text(), caller.end()]).toEqual(['+P', undefined])
})

test('dripping: all bytes come, in pieces', async () => {
  const proxy = await openProxy()
  await proxy.fail('dripping')
  const caller = call(proxy.port)
  let pieces = 0
  caller.socket.on('data', () => {
    pieces += 1
  })
  await caller.ask('PING', pong)
  expect(pieces).toBeGreaterThan(1)
})

test('a server that moved is found by new connections only', async () => {
  const elsewhere = await startServer()
  try {
    const proxy = await openProxy()
    const old = call(proxy.port)
    await old.ask('INCR moved', ':1\r\n')
    proxy.retarget(elsewhere)
    await call(proxy.port).ask('GET moved', '$-1\r\n')
    await old.ask('INCR moved', ':2\r\n')
  } finally {
    await elsewhere.close()
  }
})

test('spared peers notice nothing', async () => {
  const proxy = await openProxy({ spares: (address) => address === '127.0.0.1' })
  const caller = call(proxy.port)
  await caller.ask('PING', pong)
  for (const outage of ['refused', 'blackhole', 'frozen'] as const) {
    await proxy.fail(outage)
    await caller.ask('PING', pong)
    await call(proxy.port).ask('PING', pong)
  }
})

test('a server that ends takes its connections along', async () => {
  const other = await startServer()
  const proxy = await openProxy({ to: other })
  const caller = call(proxy.port)
  await caller.ask('PING', pong)
  await other.kill()
  await waitUntil('it ends', 2_000, async () => caller.end() !== undefined)
  await call(proxy.port).until('ECONNRESET')
  await other.close()
})
