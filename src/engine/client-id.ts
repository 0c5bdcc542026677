import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'

/** `host:pid:random`: tells people who holds a lock, and is never used twice. */
export function newClientId(): string {
  const host =
    hostname()
      .replace(/[^\w-]/g, '_')
      .slice(0, 40) || 'host'
  return `${host}:${process.pid}:${randomBytes(6).toString('hex')}`
}
