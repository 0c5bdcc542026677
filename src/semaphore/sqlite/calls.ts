import { toUs } from '../../duration.ts'
import {
  countWaiters,
  hasWithdrawn,
  headOfLine,
  isInLine,
  joinInFront,
  joinLine,
  leaveLine,
  waitersOf,
  withdraw,
} from '../../gate/sqlite/line.ts'
import type { AcquireRequest, Grant, Holder, Owner, ReleaseAnswer } from '../../gate/store.ts'
import type { SemaphoreDemand, SemaphoreStore } from '../store.ts'
import type { Asked, Permits } from './permits.ts'
import { serveLine } from './serve.ts'

/** `wantsMore`: it has what it had, be it nothing, and still waits for the rest. */
export type AcquireOutcome =
  | { tag: 'acquired'; fence: number; wantsMore: boolean }
  | { tag: 'waiting'; position: number; lastFence: number; holder: Holder | null }
  | { tag: 'held'; waiterCount: number; holder: Holder | null }
  | { tag: 'refused' }
  | { tag: 'mismatch'; permits: number }

export type ReweighOutcome =
  | { tag: 'changed'; fence: number }
  | { tag: 'waiting'; lastFence: number }
  | { tag: 'lost'; wantsMore: boolean }

export function acquire(
  permits: Permits,
  request: AcquireRequest<SemaphoreDemand>,
): AcquireOutcome {
  const { transaction, gate } = permits
  const { owner, demand } = request
  if (hasWithdrawn(transaction, gate, owner)) return { tag: 'refused' }
  if (!permits.agreesOn(demand.permits)) {
    const isUsed = permits.used > 0 || countWaiters(transaction, gate) > 0
    if (isUsed) return { tag: 'mismatch', permits: permits.count }
    permits.agreeOn(demand.permits)
  }
  serveLine(permits)
  return claim(permits, request) ?? takeFree(permits, request) ?? queueUp(permits, request)
}

/** What the owner has already, or was granted. */
function claim(permits: Permits, request: AcquireRequest<SemaphoreDemand>): AcquireOutcome | null {
  const own = permits.holdOf(request.owner)
  if (!own) return null
  permits.extend(own.owner, toUs(request.ttlMs))
  const wantsMore = isInLine(permits.transaction, permits.gate, own.owner)
  return { tag: 'acquired', fence: own.fence, wantsMore }
}

function takeFree(
  permits: Permits,
  request: AcquireRequest<SemaphoreDemand>,
): AcquireOutcome | null {
  const { transaction, gate } = permits
  const { owner, demand, metadata } = request
  const asked = askedBy(demand)
  if (!permits.fits(asked) || waitersOf(transaction, gate, 1).length > 0) return null
  // The dead who are passed over lose their place; the owner may be one of them.
  headOfLine(transaction, gate)
  leaveLine(transaction, gate, owner)
  const lease = { us: toUs(request.ttlMs), isGranted: false, metadata }
  return { tag: 'acquired', fence: permits.take(owner, asked, lease), wantsMore: false }
}

function queueUp(permits: Permits, request: AcquireRequest<SemaphoreDemand>): AcquireOutcome {
  const { transaction, gate } = permits
  const { owner, claimMs, demand, metadata, kind = 'caller' } = request
  if (!request.enqueue) {
    const waiterCount = countWaiters(transaction, gate)
    return { tag: 'held', waiterCount, holder: permits.firstToEnd() }
  }
  const { lastFence } = permits
  const claimUs = toUs(claimMs)
  const asked = askedBy(demand)
  const place = joinLine(transaction, gate, { owner, kind, claimUs, metadata, ...asked })
  // Who was only late has its place again, and that may be the first.
  serveLine(permits)
  const claimed = claim(permits, request)
  if (claimed) return claimed
  const position = countWaiters(transaction, gate, place)
  return { tag: 'waiting', position, lastFence, holder: permits.firstToEnd() }
}

/** `untold`: it was handed over by another process, whose word this one may not have heard yet. */
export function renew(
  permits: Permits,
  owner: Owner,
  ttlMs: number,
): { tag: 'renewed'; untold: Grant | null } | { tag: 'lost' } {
  serveLine(permits)
  const own = permits.holdOf(owner)
  if (!own) return { tag: 'lost' }
  permits.extend(owner, toUs(ttlMs))
  return { tag: 'renewed', untold: own.isGranted ? { owner, fence: own.fence } : null }
}

export function release(permits: Permits, owner: Owner): ReleaseAnswer {
  if (permits.free(owner)) permits.noteRelease(owner)
  serveLine(permits)
  return { tag: permits.hasReleased(owner) ? 'released' : 'lost' }
}

export function leave(permits: Permits, owner: Owner): void {
  withdraw(permits.transaction, permits.gate, owner)
  permits.free(owner)
  serveLine(permits)
}

export function reweigh(
  permits: Permits,
  request: Parameters<SemaphoreStore['reweigh']>[0],
): ReweighOutcome {
  const { transaction, gate } = permits
  const { owner, ttlMs, claimMs } = request
  serveLine(permits)
  const own = permits.holdOf(owner)
  if (!own) return { tag: 'lost', wantsMore: isInLine(transaction, gate, owner) }
  const asked = askedBy(request)
  permits.extend(owner, toUs(ttlMs))
  if (!permits.fits(asked, own)) {
    const { metadata } = own
    joinInFront(transaction, gate, {
      owner,
      kind: 'caller',
      claimUs: toUs(claimMs),
      metadata,
      ...asked,
    })
    return { tag: 'waiting', lastFence: permits.lastFence }
  }
  leaveLine(transaction, gate, owner)
  const isSame = own.weight === asked.weight && own.isSolo === asked.isSolo
  const fence = isSame ? own.fence : permits.reweigh(own, asked)
  serveLine(permits)
  return { tag: 'changed', fence }
}

/** Answers how many there were. */
export function resize(permits: Permits, count: number): number {
  const before = permits.count
  permits.resize(count)
  serveLine(permits)
  return before
}

const askedBy = ({ weight, solo }: { weight: number; solo: boolean }): Asked => ({
  weight,
  isSolo: solo ? 1 : 0,
})
