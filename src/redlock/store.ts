import type {
  AcquireAnswer,
  AcquireRequest,
  Grant,
  Holder,
  Owner,
  ReleaseAnswer,
  RenewAnswer,
} from '../gate/store.ts'
import type { LockDemand, LockStore } from '../lock/open.ts'
import { answerOf, highestFence, otherHolder } from './answers.ts'
import { Attempt, type AttemptRules, attemptOwner, ownerOfAttempt } from './attempt.ts'
import type { Council } from './council.ts'
import { type Contender, Line, type LineSettings, type Outcome } from './line.ts'
import type { Said } from './poll.ts'
import { quorumViews } from './views.ts'

const LOST = { tag: 'lost' } as const
const RELEASED: ReleaseAnswer = { tag: 'released' }

/**
 * A lock store made of the lock stores of a council's nodes. Promises, proved by
 * `redlock.contract.ts` and `test/redlock.test.ts`:
 * - M1 Two leases of one name never overlap inside their stated validity, while the
 *       assumptions below hold.
 * - M2 A call is settled as soon as a majority is reached or impossible, and at the latest
 *       when the node deadlines are over: two of them with a fence. Before it is known who can
 *       vote, a silent majority costs the `commandTimeout` or the `connectTimeout`, whichever is
 *       shorter. No node, however silent, makes a call hang.
 * - M3 What is left of a lease is `ttl` less the time since before the first request, less 1 %
 *       and 2 ms for the drift of clocks. With no more than `minValidity` left it is not given
 *       out.
 * - M4 What did not become a lease is given back on every node that was asked, and once more
 *       where the call may have arrived after that. Each attempt has an owner of its own, so
 *       none is in the way of the next.
 * - M5 A node that restarted, or lost its data, less than `longestTtl` ago has no vote: it may
 *       have forgotten a lease.
 * - M6 One server under two addresses has one vote, and a node of a cluster none.
 * - M7 Every lease has a higher fence than all before it, whatever the clocks of nodes and
 *       clients do, while a majority keeps its data: the highest counter of the majority plus
 *       one is written back to a majority, by nodes that have this owner's lease still.
 * - M8 A lease is extended by a majority that has it, never after its validity; nodes that do
 *       not have it are asked again meanwhile. Loss is told by this process's own clock.
 * - M9 Those of one process who want the same name wait in one line, first come first served.
 *       Its first one asks the nodes, after pauses that are random and grow. Between processes
 *       there is no order.
 */
export interface QuorumLockStore extends LockStore {
  /** What each node says of a lock. */
  read: ReturnType<typeof quorumViews>['read']
}

/** @param random from 0 to 1, for the pauses between attempts */
export function quorumLockStore(
  council: Council,
  rules: AttemptRules,
  random: () => number,
): QuorumLockStore {
  const { clock } = council
  const grantListeners = new Set<(grant: Grant) => void>()
  const lines = new Map<string, Line>()
  const contenders = new Map<Owner, Contender>()
  /** In the order of their last renewals. */
  const held = new Map<Owner, Attempt>()
  let attemptCount = 0

  /** A grant that is no news: whoever gets it asks what there is. */
  function tell(owner: Owner): void {
    for (const listener of grantListeners) listener({ owner, fence: 0 })
  }

  /** Gives back what nobody waits for. */
  function drop(lease: Attempt): void {
    void lease.giveUp()
  }

  async function attempt(request: AcquireRequest<LockDemand>): Promise<Outcome> {
    const { name, ttlMs, metadata } = request
    const strangers = council.meet()
    if (strangers) await strangers
    if (!council.isAble()) return failed(name, council.standing())
    const owner = attemptOwner(request.owner, ++attemptCount)
    const lease = new Attempt(council, rules, { name, owner, ttlMs, metadata })
    const said = await lease.acquire()
    lease.heed(said)
    let votes: Said<unknown>[] = said
    if (rules.fence && council.hasMajority(said) && lease.isGood) {
      votes = await lease.raiseFence(highestFence(said) + 1)
    }
    if (council.hasMajority(votes) && lease.isGood) {
      remember(request.owner, lease)
      return { tag: 'won', lease }
    }
    drop(lease)
    if (council.isUnable(votes)) return failed(name, votes)
    if (council.hasMajority(votes)) {
      return failed(name, votes, ' in time: too little of its ttl was left')
    }
    return { tag: 'taken', holder: otherHolder(said) }
  }

  function failed(name: string, votes: readonly Said<unknown>[], why = ''): Outcome {
    const what = `Lock ${JSON.stringify(name)} was not acquired${why}`
    return { tag: 'failed', error: council.failure(what, votes, 'not-applied') }
  }

  function remember(owner: Owner, lease: Attempt): void {
    forgetOver()
    held.set(owner, lease)
  }

  /** Whose handle is dropped without a release is not asked for any more. */
  function forgetOver(): void {
    for (const [owner, lease] of held) {
      if (!lease.isOver) return
      forget(owner, lease)
    }
  }

  function forget(owner: Owner, lease: Attempt): void {
    held.delete(owner)
    lines.get(lease.name)?.free(lease)
  }

  const onEmpty = ({ name }: Line) => lines.delete(name)
  const settings: LineSettings = { clock, random, attempt, drop, tell, onEmpty }

  function lineOf(name: string): Line {
    let line = lines.get(name)
    if (line) return line
    line = new Line(name, settings)
    lines.set(name, line)
    return line
  }

  async function acquire(request: AcquireRequest<LockDemand>): Promise<AcquireAnswer> {
    const { name, owner, enqueue } = request
    const before = held.get(owner)
    if (before) {
      if (before.isGood) return answerOf(before)
      await release({ name, owner })
    }
    let line = lineOf(name)
    const contender = contenders.get(owner)
    if (contender) return collect(line, contender)
    while (!enqueue && line.asking && line.waiting.length === 0) {
      await line.asking
      line = lineOf(name)
    }
    if (!line.isIdle) return enqueue ? stand(line, request) : refusal(line)
    const outcome = await line.ask(request)
    if (outcome.tag === 'won') return answerOf(outcome.lease)
    if (enqueue) return stand(line, request)
    if (line.isIdle) lines.delete(name)
    if (outcome.tag === 'failed') throw outcome.error
    return refusal(line)
  }

  function stand(line: Line, request: AcquireRequest<LockDemand>): AcquireAnswer {
    const contender = line.join(request)
    contenders.set(request.owner, contender)
    // Told again as soon as it is known to stand here, it learns why nobody gets the lock.
    if (line.trouble) tell(request.owner)
    return waitingIn(line, contender)
  }

  /** What became of somebody who waits. */
  function collect(line: Line, contender: Contender): AcquireAnswer {
    const { lease, request } = contender
    if (!lease) {
      if (line.trouble) throw line.trouble
      return waitingIn(line, contender)
    }
    contenders.delete(request.owner)
    if (lease.isGood) return answerOf(lease)
    forget(request.owner, lease)
    drop(lease)
    return stand(line, request)
  }

  function waitingIn(line: Line, contender: Contender): AcquireAnswer {
    const position = Math.max(0, line.waiting.indexOf(contender))
    return {
      ...{ tag: 'waiting', position, lastFence: 0 },
      holder: holderIn(line),
      sentAtMs: clock.monotonicMs(),
    } as const
  }

  const refusal = (line: Line): AcquireAnswer =>
    ({
      ...{ tag: 'held', waiterCount: line.waiting.length, holder: holderIn(line) },
    }) as const

  function holderIn(line: Line): Holder | null {
    const { holder } = line
    if (!holder || holder.isOver) return line.otherHolder
    const heldMs = clock.monotonicMs() - holder.sentAtMs
    return {
      owner: ownerOfAttempt(holder.owner),
      sinceMs: clock.wallMs() - heldMs,
      remainingMs: holder.validUntilMs - clock.monotonicMs(),
    }
  }

  async function renew(request: {
    name: string
    owner: Owner
    ttlMs: number
  }): Promise<RenewAnswer> {
    const { name, owner, ttlMs } = request
    const lease = held.get(owner)
    if (!lease) return LOST
    if (lease.isOver) return lose(owner, lease)
    const { votes, sentAtMs } = await lease.renew(ttlMs)
    if (held.get(owner) !== lease) return LOST
    if (council.hasMajority(votes)) {
      if (!lease.isGood) return lose(owner, lease)
      held.delete(owner)
      held.set(owner, lease)
      lease.topUp()
      return { tag: 'renewed', sentAtMs }
    }
    if (!council.isDenied(votes)) {
      throw council.failure(`Lock ${JSON.stringify(name)} was not renewed`, votes, 'unknown')
    }
    const forced = votes.find(({ vote }) => vote === 'forced')
    lose(owner, lease)
    return forced?.answer ?? LOST
  }

  /** What is left of it on a minority is in nobody's way. */
  function lose(owner: Owner, lease: Attempt): typeof LOST {
    forget(owner, lease)
    drop(lease)
    return LOST
  }

  async function release({ name, owner }: { name: string; owner: Owner }): Promise<ReleaseAnswer> {
    const lease = held.get(owner)
    if (!lease) return LOST
    held.delete(owner)
    const votes = await lease.giveUp()
    lines.get(name)?.free(lease)
    if (council.hasMajority(votes)) return RELEASED
    if (council.isDenied(votes)) return LOST
    throw council.failure(
      `Lock ${JSON.stringify(name)} was not released everywhere`,
      votes,
      'unknown',
    )
  }

  async function leave({ name, owner }: { name: string; owner: Owner }): Promise<void> {
    const contender = contenders.get(owner)
    contenders.delete(owner)
    if (contender) lines.get(name)?.leave(contender)
    await release({ name, owner })
  }

  const views = quorumViews(council, (name) => lines.get(name)?.waiting ?? [])
  return {
    acquire,
    renew,
    release,
    leave,
    ...views,
    longestTtlMs: council.longestTtlMs,
    async raiseFence({ owner, fence }) {
      const lease = held.get(owner)
      return lease && council.hasMajority(await lease.raiseFence(fence)) ? 'raised' : 'lost'
    },
    async describe({ owner, metadata }) {
      const lease = held.get(owner)
      return lease && council.hasMajority(await lease.describe(metadata)) ? 'changed' : 'lost'
    },
    onGrant(listener) {
      grantListeners.add(listener)
      return () => grantListeners.delete(listener)
    },
    // The next renewal tells it.
    onForced: () => () => {},
    onDoubt(listener) {
      const stops = council.nodes.map(({ store }) => store.onDoubt(listener))
      return () => {
        for (const stop of stops) stop()
      }
    },
  }
}
