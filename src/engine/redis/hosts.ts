import { isIPv4, isIPv6 } from 'node:net'
import type { Host } from './source.ts'
import type { Wrong } from './url.ts'

const MOST_HOSTS = 100

/** Reads `a,b:7001,[::1]:7002`. A host that comes twice is refused: it stands for another one. */
export function readHosts(
  list: string,
  defaultPort: number,
  wrong: Wrong,
): readonly [Host, ...Host[]] {
  const parts = list.split(',')
  if (parts.length > MOST_HOSTS) throw wrong(`a URL with at most ${MOST_HOSTS} hosts`)
  const [first = '', ...others] = parts
  const read = (part: string) => readHost(part, defaultPort, wrong)
  const hosts = [read(first), ...others.map(read)] as const
  const distinct = new Set(hosts.map(({ host, port }) => `${host.toLowerCase()} ${port}`))
  if (distinct.size === hosts.length) return hosts
  throw wrong('a URL that names each host once')
}

function readHost(part: string, defaultPort: number, wrong: Wrong): Host {
  const [, address = '', name = '', port] =
    /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(part) ?? []
  if (port !== undefined && !isPort(port)) {
    throw wrong(
      'a URL with ports from 1 to 65535',
      isIPv6(part) ? 'An IPv6 address goes into brackets, as in [::1]:6379.' : '',
    )
  }
  const host = isAddress(address) ? canonical(address) : isName(name) ? name : null
  if (host !== null) return { host, port: port === undefined ? defaultPort : Number(port) }
  throw wrong(
    'a URL with a host name, an IPv4 address or an IPv6 address in brackets for each host',
    part === '' ? 'There is an empty one.' : '',
  )
}

const isPort = (text: string) => /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535

/** Without a zone: it names an interface of one machine only. */
const isAddress = (text: string) => /^[\da-f:.]+$/i.test(text) && isIPv6(text)

/** One spelling for each address, so that the same one is noticed. */
const canonical = (address: string) =>
  new URL(`redis://[${address}]`).hostname.replace(/^\[|\]$/g, '')

/** What looks like an IPv4 address must be one. */
function isName(text: string): boolean {
  if (/^[\d.]+$/.test(text)) return isIPv4(text)
  return text.length <= 253 && /^[\w-]{1,63}(?:\.[\w-]{1,63})*\.?$/.test(text)
}
