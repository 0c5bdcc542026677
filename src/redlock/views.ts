import type { Holder } from '../gate/store.ts'
import type { LockStore, StoredLock } from '../lock/open.ts'
import { ownerOfAttempt } from './attempt.ts'
import type { Council } from './council.ts'
import type { NodeVote } from './errors.ts'
import type { Contender } from './line.ts'
import type { Question, Said } from './poll.ts'

/** What is read is asked for as long as about a lease of the default length. */
const VIEW_TTL_MS = 30_000

/** Those of the owner that most have, where at least so many have the same. */
export function mostOf<View extends Pick<Holder, 'owner'>>(
  views: readonly View[],
  least: number,
): View[] {
  let most: View[] = []
  for (const { owner } of views) {
    const same = views.filter((view) => view.owner === owner)
    if (same.length > most.length) most = same
  }
  return most.length >= least ? most : []
}

/** What a council knows of locks. Only those of this process who wait are known. */
export function quorumViews(council: Council, waitingFor: (name: string) => readonly Contender[]) {
  const timeoutMs = council.nodeTimeoutMs(VIEW_TTL_MS)

  async function hear<Answer>(what: string, question: Question<Answer>) {
    const strangers = council.meet()
    if (strangers) await strangers
    const votes = await council.hear(timeoutMs, question)
    if (council.isUnable(votes)) throw council.failure(what, votes, 'not-applied')
    return votes
  }

  async function look(name: string) {
    const votes = await hear<StoredLock>(`Lock ${JSON.stringify(name)} was not read`, {
      ask: ({ store }) => store.inspect(name),
      read(answer) {
        const { holder } = answer
        if (!holder) return { vote: 'free', reason: '', answer }
        return { vote: 'taken', reason: `by ${ownerOfAttempt(holder.owner)}`, answer }
      },
    })
    const holders = votes.flatMap(({ answer }) => (answer?.holder ? [answer.holder] : []))
    const most = mostOf(holders, council.quorum)
    const said = votes.map((vote): Said<StoredLock> => {
      const isTheirs = most[0] !== undefined && vote.answer?.holder?.owner === most[0].owner
      return isTheirs ? { ...vote, vote: 'granted' } : vote
    })
    return { said, holder: holderOf(most) }
  }

  /** Who has it on a majority, for as long as a majority has it. */
  function holderOf(most: readonly NonNullable<StoredLock['holder']>[]): StoredLock['holder'] {
    const [first] = most
    if (!first) return null
    const remaining = most.map(({ remainingMs }) => remainingMs).sort((a, b) => b - a)
    return {
      ...first,
      owner: ownerOfAttempt(first.owner),
      fence: Math.max(...most.map(({ fence }) => fence)),
      remainingMs: remaining[council.quorum - 1] ?? 0,
    }
  }

  async function inspect(name: string): Promise<StoredLock> {
    return (await read(name)).lock
  }

  /** A lock, and what each node says of it. */
  async function read(name: string): Promise<{ lock: StoredLock; votes: NodeVote[] }> {
    const { said, holder } = await look(name)
    const waiters = waitingFor(name).map(({ request }) => ({
      ...{ owner: request.owner, kind: 'caller' as const, metadata: request.metadata },
    }))
    return { lock: { name, holder, waiters }, votes: council.named(said) }
  }

  async function list(limit: number): Promise<StoredLock[]> {
    const votes = await hear<StoredLock[]>('Locks were not listed', {
      ask: ({ store }) => store.list(limit),
      read: (answer) => ({ vote: 'granted', reason: '', answer }),
    })
    const names = new Set(votes.flatMap(({ answer = [] }) => answer.map(({ name }) => name)))
    const found = await Promise.all([...names].map(inspect))
    const inUse = found.filter(({ holder, waiters }) => holder !== null || waiters.length > 0)
    return inUse.slice(0, limit)
  }

  const forceRelease: LockStore['forceRelease'] = async ({ name, reason, expectFence }) => {
    const { said, holder } = await look(name)
    if (!holder) return 'free'
    if (expectFence !== null && holder.fence !== expectFence) return 'changed'
    const votes = await council.poll(timeoutMs, {
      ask({ store }, index) {
        const there = said[index]?.vote === 'granted' ? said[index].answer?.holder : null
        if (!there) return { vote: 'free', reason: '' }
        return store.forceRelease({ name, reason, expectFence: there.fence })
      },
      read: (answer) => ({ vote: answer === 'released' ? 'granted' : 'lost', reason: '' }),
    })
    if (council.hasMajority(votes)) return 'released'
    if (council.isDenied(votes)) return 'changed'
    throw council.failure(`Lock ${JSON.stringify(name)} was not released`, votes, 'unknown')
  }

  /** Enough nodes forgot what was there that no majority has it any more. */
  function resetSince(sinceMs: number): Error | null {
    const resets = council.nodes.flatMap(({ store }) => store.resetSince(sinceMs) ?? [])
    return resets[council.nodes.length - council.quorum] ?? null
  }

  return { inspect, read, list, forceRelease, resetSince }
}
