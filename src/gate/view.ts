import { printable, shorten } from '../text.ts'
import type { InTheWay } from './gate.ts'
import type { Metadata } from './options.ts'
import type { Owner, WaiterView } from './store.ts'

/** Who holds or waits, as people read it. */
export interface Person {
  /** `host:pid:random.number`, unique to this acquisition. */
  owner: Owner
  host: string
  pid: number
  metadata: Metadata
}

export interface Waiter extends Person {
  kind: WaiterView['kind']
}

/** Owners begin with host and process: nothing else has to be stored for them to be shown. */
export function personOf({ owner, metadata }: { owner: Owner; metadata: string }): Person {
  const [host = '', pid = ''] = owner.split(':')
  return { owner, host, pid: Number(pid), metadata: readMetadata(metadata) }
}

export const waiterOf = (waiter: WaiterView): Waiter => ({
  ...personOf(waiter),
  kind: waiter.kind,
})

/** Views of those who wait show no more of them. */
export const MOST_IN_LINE = 100

/**
 * Who holds something and who waits.
 * @param how what is said of it, such as `held`
 */
export const inTheWay = (
  holders: readonly { owner: Owner; sinceMs: number }[],
  line: InTheWay['line'],
  how = 'held',
): InTheWay => ({ text: holdersInWords(holders, how), line })

function holdersInWords(
  holders: readonly { owner: Owner; sinceMs: number }[],
  how: string,
): string | null {
  const [first] = holders
  if (!first) return null
  const { host, pid } = personOf({ owner: first.owner, metadata: '' })
  const others = holders.length - 1
  const besides = others === 0 ? '' : ` and ${others} other${others === 1 ? '' : 's'}`
  const since = new Date(first.sinceMs).toISOString()
  return `${how} by ${shorten(printable(host))} pid ${pid} since ${since}${besides}`
}

/** What somebody else wrote there is shown as nothing rather than as an error. */
export function readMetadata(text: string): Metadata {
  if (text === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    const isPlain = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isPlain ? (value as Metadata) : {}
  } catch {
    return {}
  }
}
