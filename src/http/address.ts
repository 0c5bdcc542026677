import { isIPv4, isIPv6 } from 'node:net'

/** An IP address, folded: an IPv4 address in IPv6 clothes is an IPv4 address. */
export type Address =
  | { readonly family: 'ipv4'; readonly text: string }
  | { readonly family: 'ipv6'; readonly text: string; readonly groups: readonly number[] }

const GROUP_COUNT = 8
const GROUP_BITS = 16

/** An address in any notation, with or without a zone; undefined when it is none. */
export function readAddress(written: string): Address | undefined {
  const text = written.replace(/%.*$/, '')
  if (isIPv4(text)) return { family: 'ipv4', text }
  if (!isIPv6(text)) return undefined
  const groups = groupsOf(text)
  const [sixth = 0, seventh = 0, last = 0] = groups.slice(5)
  // Told by its bits: ::ffff:192.0.2.1 and ::ffff:c000:201 are one client.
  if (sixth === 0xffff && groups.slice(0, 5).every((group) => group === 0)) {
    const bytes = [seventh >> 8, seventh & 255, last >> 8, last & 255]
    return { family: 'ipv4', text: bytes.join('.') }
  }
  return { family: 'ipv6', text, groups }
}

/**
 * What stands for a client in a limiter's key. IPv6 is cut to its subnet, since whoever has one
 * address there has all of them: providers give a customer a /56 or more (RIPE-690), a host a /64.
 */
export function addressKey(address: Address, ipv6Subnet: number): string {
  if (address.family === 'ipv4') return address.text
  const kept = address.groups.map((group, index) => {
    const bits = Math.min(GROUP_BITS, Math.max(0, ipv6Subnet - index * GROUP_BITS))
    return group & (0xffff << (GROUP_BITS - bits))
  })
  const used = kept.findLastIndex((group) => group !== 0) + 1
  const hex = kept.slice(0, used).map((group) => group.toString(16))
  return `${hex.join(':')}${used < GROUP_COUNT ? '::' : ''}/${ipv6Subnet}`
}

/** An entry of a forwarding header, which may carry a port: `192.0.2.1:80`, `[2001:db8::1]:80`. */
export function readForwarded(entry: string): Address | undefined {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(entry)?.[1]
  const withPort = /^([\d.]+):\d+$/.exec(entry)?.[1]
  return readAddress(bracketed ?? withPort ?? entry)
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(text: string): number[] {
  const hexOnly = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number)
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  })
  const [head = [], tail = []] = hexOnly
    .split('::')
    .map((half) => (half === '' ? [] : half.split(':').map((group) => Number.parseInt(group, 16))))
  const gap = Array.from({ length: GROUP_COUNT - head.length - tail.length }, () => 0)
  return [...head, ...gap, ...tail]
}
