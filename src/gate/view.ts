import { printable, shorten } from '../text.ts'
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
const MOST_SHOWN = 100

/**
 * Who holds something and how many wait, in words for people; null where nobody does.
 * @param how what is said of it, such as `held`
 */
export function inTheWay(
  holders: readonly { owner: Owner; sinceMs: number }[],
  waiterCount: number,
  how = 'held',
): string | null {
  const [first] = holders
  const waiting = `${waiterCount}${waiterCount < MOST_SHOWN ? '' : ' or more'} waiting`
  if (!first) return waiterCount === 0 ? null : waiting
  const { host, pid } = personOf({ owner: first.owner, metadata: '' })
  const others = holders.length - 1
  const besides = others === 0 ? '' : ` and ${others} other${others === 1 ? '' : 's'}`
  const since = new Date(first.sinceMs).toISOString()
  return `${how} by ${shorten(printable(host))} pid ${pid} since ${since}${besides}, ${waiting}`
}

/** What somebody else wrote there is shown as nothing rather than as an error. */
function readMetadata(text: string): Metadata {
  if (text === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    const isPlain = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isPlain ? (value as Metadata) : {}
  } catch {
    return {}
  }
}
