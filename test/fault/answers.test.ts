// Something between client and server that puts bytes into the stream of answers.
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { describe, expect, it } from 'vitest'
import { slidingLog } from '../../src/index.ts'
import { closing, connect, untilWorks } from './connect.ts'
import { everyConnection, startProxy } from './proxy.js'
import { startServer } from './servers.js'

const CLIENTS = {
  'a URL': (port: number) => `redis://127.0.0.1:${port}`,
  'an ioredis client': (port: number) => {
    const client = new Redis({ port, lazyConnect: true })
    closing({ close: () => client.disconnect() })
    return { client }
  },
  'a node-redis client': (port: number) => ({
    client: createClient({ url: `redis://127.0.0.1:${port}` }),
  }),
}

/** What a call of one job for this queue could be answered with, and half of an answer. */
const PREFACES = {
  'an answer of another call': '*2\r\n$1\r\n7\r\n*2\r\n$5\r\nadded\r\n:4711\r\n',
  'an answer as they were without numbers': '*1\r\n*2\r\n$5\r\nadded\r\n:4711\r\n',
  'half a text': '+half',
  'half an error': '-ERR half',
  'a number': ':1\r\n',
  'an error': '-ERR nobody said this\r\n',
  nothing: '$-1\r\n',
  'half a list': '*2\r\n',
}

describe.each(Object.entries(CLIENTS))('%s', (_, clientTo) => {
  it.each(Object.entries(PREFACES))(
    'no call is given what is not its answer: %s',
    async (_, preface) => {
      const server = closing(await startServer())
      const proxy = closing(await startProxy({ to: server }))
      const { sluice } = connect(clientTo(proxy.port), { commandTimeout: '1s' })
      const queue = sluice.queue<number>('q')
      const limiter = sluice.limiter('l', slidingLog({ limit: 5, per: '1h' }))
      const callAll = () =>
        Promise.allSettled([
          queue.add(1),
          queue.addMany([2, 3]),
          queue.counts(),
          limiter.take('k'),
          sluice.lock('a').run(() => {}),
        ])
      await callAll()
      await queue.take({ max: 3 })
      await proxy.fail(everyConnection({ replies: { preface } }))
      const answers = await callAll()
      await proxy.pass()

      for (const answer of answers) {
        expect(answer).toMatchObject({ status: 'rejected', reason: { outcome: 'unknown' } })
      }
      expect(await untilWorks(sluice)).toBeLessThan(5_000)
      const { id } = await queue.add(4)
      const taken = await queue.take({ max: 100 })
      expect(taken.find(({ data }) => data === 4)?.id).toBe(id)
    },
  )
})
