import { describe, expect, it } from 'vitest'
import { readRedirect, readSlots, SLOT_COUNT } from './slots.ts'

const asked = { host: '10.0.0.9', port: 7009 }
const asIs = (at: { host: string; port: number }) => at

describe('the map of a cluster', () => {
  it('has the master of every slot, and none where nobody serves', () => {
    const map = readSlots(
      [
        [0, 99, ['a', 7001, 'id'], ['replica', 7004, 'id']],
        [200, SLOT_COUNT - 1, ['b', 7002, 'id', ['hostname', 'b.example']]],
      ],
      asked,
      asIs,
    )
    expect([0, 99, 100, 199, 200, SLOT_COUNT - 1].map((slot) => map.owners[slot])).toEqual([
      ...['a:7001', 'a:7001', undefined, undefined, 'b:7002', 'b:7002'],
    ])
    expect([...map.masters.keys()]).toEqual(['a:7001', 'b:7002'])
  })

  it('takes a node without an address for where it was asked, and addresses as they are reached', () => {
    const reply = [
      [0, 5, ['', 7001]],
      [6, 9, [null, 7002]],
    ]
    expect([...readSlots(reply, asked, asIs).masters.keys()]).toEqual([
      ...['10.0.0.9:7001', '10.0.0.9:7002'],
    ])
    const outside = readSlots(reply, asked, ({ port }) => ({ host: 'gate', port: port + 1_000 }))
    expect([...outside.masters.keys()]).toEqual(['gate:8001', 'gate:8002'])
  })

  it.each([null, 'OK', {}, [null], [[0, 5]], [[0, 5, 'a:7001']], [5]])(
    'has no masters by an answer such as %j',
    (reply) => expect(readSlots(reply, asked, asIs).masters.size).toBe(0),
  )
})

describe('a redirect', () => {
  it('names kind, slot and node; an empty host is the one that was asked', () => {
    expect(readRedirect('MOVED 3999 127.0.0.1:6381', asked)).toEqual({
      ...{ kind: 'MOVED', slot: 3999 },
      to: { host: '127.0.0.1', port: 6381 },
    })
    expect(readRedirect('ASK 1 2001:db8::1:6381', asked)?.to).toEqual({
      ...{ host: '2001:db8::1', port: 6381 },
    })
    expect(readRedirect('MOVED 1 :6381', asked)?.to).toEqual({ host: '10.0.0.9', port: 6381 })
  })

  it.each(['', 'ERR no', 'MOVED', 'MOVED 1', 'MOVED x h:1', 'XMOVED 1 h:1'])(
    'is none in %j',
    (message) => expect(readRedirect(message, asked)).toBe(null),
  )
})
