import type { Host } from './source.ts'

export const SLOT_COUNT = 16_384

/** Who has which slot: `host:port` of the master by slot, and every master once. */
export interface SlotMap {
  owners: (string | undefined)[]
  masters: Map<string, Host>
}

export const addressOf = ({ host, port }: Host) => `${host}:${port}`

/**
 * Reads the answer to `CLUSTER SLOTS`: `[first, last, [host, port, …] of the master, replicas …]`.
 * A node that does not know its own address leaves the host empty: it is where it was `asked`.
 */
export function readSlots(reply: unknown, asked: Host, translate: (at: Host) => Host): SlotMap {
  const map: SlotMap = { owners: new Array(SLOT_COUNT), masters: new Map() }
  for (const range of Array.isArray(reply) ? reply : []) {
    if (!Array.isArray(range) || !Array.isArray(range[2])) continue
    const [host, port] = range[2] as [unknown, unknown]
    const master = translate({ host: String(host || asked.host), port: Number(port) })
    const address = addressOf(master)
    map.masters.set(address, master)
    map.owners.fill(address, Number(range[0]), Number(range[1]) + 1)
  }
  return map
}

/** Where a node says that a key is: `MOVED 3999 host:port` for good, `ASK` for this once. */
export interface Redirect {
  kind: 'MOVED' | 'ASK'
  slot: number
  to: Host
}

export function readRedirect(message: string, asked: Host): Redirect | null {
  const match = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(message)
  if (!match) return null
  const [, kind, slot, host, port] = match
  return {
    kind: kind as Redirect['kind'],
    slot: Number(slot),
    to: { host: host || asked.host, port: Number(port) },
  }
}
