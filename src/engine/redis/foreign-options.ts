import { ArgumentError } from '../../errors.ts'
import type { Host } from './source.ts'

/** Options that the user gave to another library. They are only read. */
export type Options = Readonly<Record<string, unknown>>

/** `host`, `host:port` or a URL. Its text has a password, so no error may quote it. */
export function readNodeUrl(text: string, argument: string) {
  const full = /^\w+:\/\//.test(text) ? text : `redis://${text.replace(/^\/\//, '')}`
  if (!URL.canParse(full)) {
    throw new ArgumentError(argument, 'a list of hosts, ports or URLs', 'something else in it')
  }
  const { hostname, port, protocol, username, password } = new URL(full)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port || undefined,
    tls: protocol === 'rediss:',
    username: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password) || undefined,
  }
}

/** What a table of addresses, or a function in its place, says of `host:port`. */
export function mapAddress(map: unknown, announced: Host): Host {
  const key = `${announced.host}:${announced.port}`
  const mapped: unknown = typeof map === 'function' ? map(key) : asOptions(map)[key]
  const { host, port } = asOptions(mapped)
  return mapped ? asHost(host, port) : announced
}

export const asOptions = (value: unknown): Options =>
  typeof value === 'object' && value !== null ? { ...value } : {}

/** With the defaults of all the libraries. */
export const asHost = (host?: unknown, port?: unknown, otherPort = 6379): Host => ({
  host: typeof host === 'string' && host !== '' ? host : 'localhost',
  port: Number(port ?? otherPort) || otherPort,
})
