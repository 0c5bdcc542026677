import { EngineUnavailableError, StaleDeliveryError } from '../errors.ts'
import type { FailedAttempt, FailureNote } from './history.ts'
import type { Death, ExchangeRequest, Retry } from './store.ts'

/** How a delivery ends. `isQuiet`: of a ticket, of whose job is told elsewhere what became of it. */
export type Settlement = { isQuiet?: true } & SettlementKind

type SettlementKind =
  /** Only a ticket's record keeps a result. */
  | { tag: 'ack'; result?: unknown }
  | ({ tag: 'retry' } & Omit<Retry, 'id'>)
  | {
      tag: 'death'
      reason: string
      payload?: string
      name?: string
      history?: FailedAttempt[] | undefined
      note?: FailureNote | undefined
    }

export const ACK: Settlement = { tag: 'ack' }
/** As if it had never been claimed. */
export const BACK: Settlement = { tag: 'retry', delayMs: 0, failed: false }

export const quiet = (settlement: Settlement): Settlement => ({ ...settlement, isQuiet: true })

/** What the store has to be told. */
export interface Outgoing {
  id: string
  settlement: Settlement
  /** Null where nobody asks what became of it. */
  asker: { resolve: () => void; reject: (error: unknown) => void } | null
}

export function settlementsOf(
  outgoing: Outgoing[],
): Pick<ExchangeRequest, 'acks' | 'retries' | 'deaths' | 'quietIds'> {
  const acks: string[] = []
  const retries: ExchangeRequest['retries'] = []
  const deaths: ExchangeRequest['deaths'] = []
  const quietIds: string[] = []
  for (const { id, settlement } of outgoing) {
    if (settlement.tag === 'ack') acks.push(id)
    else if (settlement.tag === 'death') deaths.push(deathOf(id, settlement))
    else retries.push(retryOf(id, settlement))
    if (settlement.isQuiet) quietIds.push(id)
  }
  return { acks, retries, deaths, quietIds }
}

const retryOf = (
  id: string,
  { delayMs, failed, note, stays }: Settlement & { tag: 'retry' },
): Retry => {
  const retry = note ? { id, delayMs, failed, note } : { id, delayMs, failed }
  return stays ? { ...retry, stays } : retry
}

/** Of what failed and is the consumer's still. */
export const isStaying = (settlement: { tag: string; stays?: boolean }): boolean =>
  settlement.stays === true

const deathOf = (
  id: string,
  { tag: _, isQuiet: __, ...death }: Settlement & { tag: 'death' },
): Death => ({
  id,
  ...death,
})

export function confirm(queue: string, outgoing: Outgoing[], staleIds: string[]): void {
  const stale = new Set(staleIds)
  for (const { id, asker } of outgoing) {
    if (stale.has(id)) asker?.reject(new StaleDeliveryError(queue, id))
    else asker?.resolve()
  }
}

export function refuse(queue: string, outgoing: Outgoing[]): void {
  for (const { id, asker } of outgoing) asker?.reject(new StaleDeliveryError(queue, id))
}

/** Nobody answered, and it will be told again: what did not happen now may happen yet. */
export function leaveUnknown(outgoing: Outgoing[], error: unknown): void {
  const isPlain = error instanceof EngineUnavailableError && error.outcome === 'not-applied'
  const reason = isPlain
    ? new EngineUnavailableError(error.message, { outcome: 'unknown', cause: error })
    : error
  for (const { asker } of outgoing) asker?.reject(reason)
}

export const closedTooEarly = (queue: string) =>
  new EngineUnavailableError(
    `Queue ${JSON.stringify(queue)} was closed before the engine answered.`,
    { outcome: 'unknown', retryable: false },
  )
