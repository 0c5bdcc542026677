import { afterEach, describe, expect, it } from 'vitest'
import { ArgumentError } from '../errors.ts'
import { type Redlock, type RedlockNode, type RedlockOptions, redlock } from './index.ts'

const opened: Redlock[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((red) => red.close()))
})

function open(nodes: unknown, options?: unknown): Redlock {
  const red = redlock(nodes as RedlockNode[], options as RedlockOptions)
  opened.push(red)
  return red
}

function refusalOf(call: () => unknown): ArgumentError {
  try {
    call()
  } catch (error) {
    if (error instanceof ArgumentError) return error
    throw error
  }
  throw new Error('It was not refused.')
}

const three = ['redis://a:1', 'redis://b:1', 'redis://c:1']

describe('nodes that are refused', () => {
  it.each<[string, unknown, unknown, string, RegExp]>([
    ['none', [], undefined, 'redlock.nodes', /0 nodes/],
    ['none, though even is allowed', [], { allowEven: true }, 'redlock.nodes', /0 nodes/],
    ['no list', 'redis://a', undefined, 'redlock.nodes', /"redis:\/\/a"/],
    ['nothing', undefined, undefined, 'redlock.nodes', /undefined/],
    ['an even number', three.slice(1), undefined, 'redlock.nodes', /2 nodes.*allowEven/],
    ['four', [...three, 'redis://d'], undefined, 'redlock.nodes', /4 nodes/],
    ['too many', new Array(101).fill('memory:'), undefined, 'redlock.nodes', /101 nodes/],
    ['one twice', [...three.slice(1), 'redis://c:1'], undefined, 'redlock.nodes[2]', /c:1 again/],
    [
      'one twice, by database',
      ['redis://a/1', 'redis://b', 'redis://a/2'],
      undefined,
      'redlock.nodes[2]',
      /again/,
    ],
    [
      'one twice, by user',
      ['redis://x:s3cret@a', 'redis://b', 'redis://a'],
      undefined,
      'redlock.nodes[2]',
      /again/,
    ],
    [
      'one file twice',
      ['sqlite:a.db', 'memory:', 'sqlite:./a.db'],
      undefined,
      'redlock.nodes[2]',
      /again/,
    ],
    [
      'a cluster',
      ['redis+cluster://a,b', ...three.slice(1)],
      undefined,
      'redlock.nodes[0]',
      /cluster/,
    ],
    [
      'sentinels',
      [...three.slice(1), 'redis+sentinel://a/m'],
      undefined,
      'redlock.nodes[2]',
      /copy/,
    ],
    ['no URL', [...three.slice(1), 'localhost'], undefined, 'redlock.nodes[2]', /URL/],
    ['no client', [{ client: {} }, ...three.slice(1)], undefined, 'redlock.nodes[0]', /client/],
    ['null', [null, ...three.slice(1)], undefined, 'redlock.nodes[0]', /null/],
    ['an unknown option', three, { quorum: 2 }, 'redlock.quorum', /one of/],
    ['options that are none', three, 5, 'redlock', /object/],
    ['a fence that is no flag', three, { fence: 'yes' }, 'redlock.fence', /true or false/],
    ['a negative validity', three, { minValidity: -1 }, 'redlock.minValidity', /duration/],
    ['no time for a node', three, { nodeTimeout: 0 }, 'redlock.nodeTimeout', /duration/],
    [
      'a longest ttl without a unit',
      three,
      { longestTtl: '1000' },
      'redlock.longestTtl',
      /duration/,
    ],
    [
      'a prefix for a file',
      ['sqlite:a.db', 'memory:', 'memory:'],
      { prefix: 'x' },
      'redlock.prefix',
      /left out/,
    ],
    ['certificates without TLS', three, { tls: { servername: 'x' } }, 'redlock.tls', /left out/],
  ])('%s', (_, nodes, options, argument, message) => {
    const error = refusalOf(() => open(nodes, options))
    expect(error).toMatchObject({ argument, message })
    expect(error.message).not.toContain('s3cret')
  })

  it('an even number is taken by whoever wants it', () => {
    expect(() => open([...three, 'redis://d'], { allowEven: true })).not.toThrow()
    expect(() => open(['memory:'])).not.toThrow()
  })
})

describe('locks that are refused', () => {
  it.each<[string, unknown, unknown, string, RegExp]>([
    ['a ttl over the longest', 'a', { ttl: '2m' }, 'lock.ttl', /longestTtl.*1m.*raise longestTtl/],
    ['a ttl under the drift and the validity', 'a', { ttl: '5s' }, 'lock.ttl', /more than 5053 ms/],
    ['a ttl that is none', 'a', { ttl: '5' }, 'lock.ttl', /duration/],
    ['replicas', 'a', { durability: { replicas: 1 } }, 'lock.durability', /left out/],
    ['an order', 'a', { fair: false }, 'lock.fair', /no common line/],
    ['no name', '', {}, 'lock.name', /text/],
    ['no names', [], {}, 'lock.names', /1 to 100/],
    ['no options', 'a', null, 'lock', /object/],
    ['a list of options', 'a', [], 'lock', /object/],
    ['an unknown option', 'a', { retries: 3 }, 'lock.retries', /one of/],
  ])('%s', (_, name, options, argument, message) => {
    const red = open(['memory:', 'memory:', 'memory:'], { minValidity: '5s' })
    const error = refusalOf(() => red.lock(name as string, options as object))
    expect(error).toMatchObject({ argument, message })
  })

  it('a lease is not made longer than the longest', async () => {
    const lease = await open(['memory:', 'memory:', 'memory:'], { longestTtl: '10s' })
      .lock('a')
      .acquire()
    expect(lease.remainingMs).toBeLessThan(10_000)
    await expect(lease.extend('11s')).rejects.toMatchObject({ argument: 'ttl' })
    await lease.extend('9s')
    await lease.release()
  })

  it.each(['semaphore', 'readWriteLock', 'election'] as const)('%s, and it says why', (method) => {
    const red = open(['memory:', 'memory:', 'memory:'])
    const error = refusalOf(() => red[method]('a', {}))
    expect(error).toMatchObject({ argument: `redlock.${method}`, message: /majorit|nodes/ })
  })
})
