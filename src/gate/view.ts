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
