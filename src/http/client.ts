import { BlockList } from 'node:net'
import { ArgumentError } from '../errors.ts'
import { type Address, readAddress, readForwarded } from './address.ts'

/** What a framework knows of who asks. */
export interface Peer {
  /** Of the socket, or as the `address` option says. */
  readonly address: string | undefined
  /** A field of the request by its name in lower case, repeated ones joined by commas. */
  field(name: string): string | undefined
}

/** What is used of a request of Node's own kind: that of express 4 and 5, of connect, of koa's `req`. */
export interface ServerRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly socket: { readonly remoteAddress?: string | undefined }
}

export const peerOf = ({ headers, socket }: ServerRequest): Peer => ({
  address: socket.remoteAddress,
  field: (name) => headers[name]?.toString(),
})

/** Proxies in front of the server. Each appends whom it saw to the field `header`. */
export interface TrustedProxies {
  readonly hops: number
  readonly header: string
}

/**
 * Who asks. Forwarding fields are read from the right, since anything left of what one's own
 * proxies appended may have been written by the client. A request that has fewer entries than
 * there are proxies, or none that is an address, did not come through all of them: it counts as
 * its socket's.
 */
export function clientOf(peer: Peer, proxies: TrustedProxies | undefined): Address | undefined {
  const ownAddress = peer.address === undefined ? undefined : readAddress(peer.address)
  if (proxies === undefined || proxies.hops === 0) return ownAddress
  const entries = peer.field(proxies.header)?.split(',') ?? []
  const entry = entries.at(-proxies.hops)?.trim()
  return (entry === undefined ? undefined : readForwarded(entry)) ?? ownAddress
}

export function requireAddress(address: Address | undefined): Address {
  if (address !== undefined) return address
  throw new ArgumentError(
    'rateLimit.address',
    'the IP address of the client',
    'none',
    'The server does not say it, or the client has hung up. Pass address or proxy, or a key that needs no address.',
  )
}

const privateNetworks = new BlockList()
privateNetworks.addSubnet('127.0.0.0', 8)
privateNetworks.addSubnet('10.0.0.0', 8)
privateNetworks.addSubnet('172.16.0.0', 12)
privateNetworks.addSubnet('192.168.0.0', 16)
privateNetworks.addAddress('::1', 'ipv6')
privateNetworks.addSubnet('fc00::', 7, 'ipv6')

/**
 * Says once that all clients look like one: requests come from a private address with a field
 * that proxies add, and nobody said how many proxies there are.
 */
export function proxyWatch(proxies: TrustedProxies | undefined): (peer: Peer) => void {
  let isOver = proxies !== undefined
  return (peer) => {
    if (isOver || peer.field('x-forwarded-for') === undefined) return
    const address = peer.address === undefined ? undefined : readAddress(peer.address)
    if (address === undefined || !privateNetworks.check(address.text, address.family)) return
    isOver = true
    process.emitWarning(
      `rateLimit counts all requests that come through ${address.text} as one client. If that is ` +
        'a proxy of yours, pass proxy: { hops: 1 }; if it is a client, proxy: { hops: 0 }.',
      { code: 'SLUICE_PROXY_UNSET' },
    )
  }
}
