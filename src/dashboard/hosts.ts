/** Names of this machine that no DNS answer can point somewhere else. */
export const LOOPBACK_HOSTS = ['127.0.0.1', 'localhost', '::1'] as const
export type LoopbackHost = (typeof LOOPBACK_HOSTS)[number]

/** As it stands in a URL and in a Host header. */
export const hostText = (host: string) => (host.includes(':') ? `[${host}]` : host)

/**
 * Whether a request was meant for this page. A web site that points its own name at 127.0.0.1
 * (DNS rebinding) reaches the port, but with its own name in the Host header.
 */
export function isAllowedHost(request: Request, port: number | undefined): boolean {
  const given = request.headers.get('host') ?? new URL(request.url).host
  const match = /^(127\.0\.0\.1|localhost|\[::1\])(?::(\d{1,5}))?$/i.exec(given)
  return match !== null && (port === undefined || Number(match[2] ?? 80) === port)
}
