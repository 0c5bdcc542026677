import { SocketAddress } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressKey, readAddress, readForwarded } from './address.ts'
import { clientOf, type TrustedProxies } from './client.ts'

const keyOf = (text: string, bits = 56) => {
  const address = readAddress(text)
  return address && addressKey(address, bits)
}

describe('the key of an address', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    // IPv4 in IPv6, in three notations.
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:c000:201', '192.0.2.1'],
    ['2001:db8:0:1ff:1:2:3:4', '2001:db8:0:100::/56'],
    ['2001:DB8::1', '2001:db8::/56'],
    ['2001:db8:1:2::%eth0', '2001:db8:1::/56'],
    ['fe80::1%en0', 'fe80::/56'],
    ['::ffff:192.0.2.1%1', '192.0.2.1'],
    ['::1', '::/56'],
    ['64:ff9b::192.0.2.1', '64:ff9b::/56'],
  ])('of %s is %s', (text, key) => expect(keyOf(text)).toBe(key))

  test.each([
    [32, '2001:db8::/32'],
    [48, '2001:db8:ffff::/48'],
    [60, '2001:db8:ffff:fff0::/60'],
    [64, '2001:db8:ffff:ffff::/64'],
    [128, '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128'],
  ])('keeps %i bits', (bits, key) =>
    expect(keyOf('2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', bits)).toBe(key),
  )

  test.each([
    ...[
      '',
      ' ',
      'localhost',
      '192.0.2',
      '192.0.2.256',
      '192.0.2.1.',
      '192.0.2.01',
      '1:2:3:4:5:6:7',
    ],
    ...[':::', '2001:db8::1::2', '12345::', 'g::1', '::ffff:192.0.2.256', '[::1]', '192.0.2.1/8'],
  ])('is none of %j', (text) => expect(readAddress(text)).toBeUndefined())

  const group = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.nat(0xffff))
  const groups = fc.array(group, { minLength: 8, maxLength: 8 })
  const written = (numbers: number[]) => numbers.map((value) => value.toString(16)).join(':')

  test('is that of Node, for any address in any notation', () => {
    fc.assert(
      fc.property(groups, (numbers) => {
        const text = written(numbers)
        const compressed = new URL(`http://[${text}]`).hostname.slice(1, -1)
        const normal = new SocketAddress({ address: text, family: 'ipv6' }).address
        expect(keyOf(compressed)).toBe(keyOf(text))
        expect(keyOf(normal)).toBe(keyOf(text))
        expect(keyOf(text.toUpperCase())).toBe(keyOf(text))
      }),
    )
  })

  test('is the same for a subnet, and another for the next one', () => {
    fc.assert(
      fc.property(groups, fc.integer({ min: 32, max: 127 }), fc.nat(127), (numbers, bits, at) => {
        // One bit of an address that is not IPv4 in disguise is turned over.
        const [, ...rest] = numbers
        const original = [0x2001, ...rest]
        const bit = Math.max(16, at)
        const index = bit >> 4
        const turned = original.with(index, (original[index] ?? 0) ^ (1 << (15 - (bit & 15))))
        const isSameSubnet = bit >= bits
        expect(keyOf(written(turned), bits) === keyOf(written(original), bits)).toBe(isSameSubnet)
      }),
    )
  })
})

describe('an entry of a forwarding field', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:8080', '192.0.2.1'],
    ['[2001:db8::1]', '2001:db8::/56'],
    ['[2001:db8::1]:8080', '2001:db8::/56'],
    ['[::ffff:192.0.2.1]:8080', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::/56'],
  ])('%s is %s', (entry, key) => {
    const address = readForwarded(entry)
    expect(address && addressKey(address, 56)).toBe(key)
  })

  test.each([
    'unknown',
    '_hidden',
    '',
    '192.0.2.1:',
    '[192.0.2.1',
    '192.0.2.1:80:80',
    '"192.0.2.1"',
  ])('%j is none', (entry) => expect(readForwarded(entry)).toBeUndefined())
})

describe('who asks', () => {
  const ask = (fields: Record<string, string>, proxies: TrustedProxies | undefined) =>
    clientOf({ address: '10.0.0.1', field: (name) => fields[name] }, proxies)?.text

  const chain = { 'x-forwarded-for': '203.0.113.1, 198.51.100.1, 192.0.2.1' }
  const through = (hops: number) => ({ hops, header: 'x-forwarded-for' })

  test.each([
    [undefined, '10.0.0.1'],
    [0, '10.0.0.1'],
    [1, '192.0.2.1'],
    [2, '198.51.100.1'],
    [3, '203.0.113.1'],
    [4, '10.0.0.1'],
  ])('through %s proxies', (hops, client) =>
    expect(ask(chain, hops === undefined ? undefined : through(hops))).toBe(client),
  )

  test('is in the field that is named, and in no other', () => {
    const fields = { ...chain, 'cf-connecting-ip': '192.0.2.77' }
    expect(ask(fields, { hops: 1, header: 'cf-connecting-ip' })).toBe('192.0.2.77')
    expect(ask(chain, { hops: 1, header: 'cf-connecting-ip' })).toBe('10.0.0.1')
  })

  test('never depends on what a client adds in front', () => {
    const forged = fc.array(fc.stringMatching(/^[\w.:[\]" ,]{0,20}$/), { maxLength: 6 })
    fc.assert(
      fc.property(forged, fc.integer({ min: 1, max: 4 }), (entries, hops) => {
        const seen = Array.from({ length: hops }, (_, index) => `192.0.2.${index}`)
        const field = [...entries, ...seen].join(',')
        expect(ask({ 'x-forwarded-for': field }, through(hops))).toBe('192.0.2.0')
      }),
    )
  })
})
