import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import { SettingsMismatchError } from '../../errors.ts'
import { sharedGrants } from '../../gate/sqlite/grants.ts'
import { schema as gateSchema } from '../../gate/sqlite/schema.gen.ts'
import type { Owner } from '../../gate/store.ts'
import type { SemaphoreStore } from '../store.ts'
import {
  type AcquireOutcome,
  acquire,
  leave,
  type ReweighOutcome,
  release,
  renew,
  resize,
  reweigh,
} from './calls.ts'
import { Permits } from './permits.ts'
import { schema } from './schema.gen.ts'
import { serveLine } from './serve.ts'
import { Sweeper } from './sweep.ts'
import { findGranted, namesInUse, viewOf } from './view.ts'

const PREFIXES = { semaphore: 'semaphore', 'read-write-lock': 'readwrite' } as const

/** Semaphores in the tables `semaphore` and `permit`, and `waiter` of the gate. */
export function sqliteSemaphoreStore(
  engine: SqliteEngine,
  kind: 'semaphore' | 'read-write-lock',
): SemaphoreStore {
  engine.define(gateSchema)
  engine.define(schema)
  const prefix = PREFIXES[kind]
  const sweeper = new Sweeper()
  const grants = sharedGrants(engine, kind, (transaction, above, below) =>
    findGranted(transaction, prefix, above, below),
  )
  const write = <T>(work: (transaction: Transaction) => T) => engine.write(work, { durable: false })

  /**
   * Runs `work` on the permits of a name when nothing is left in them of leases that are over, and
   * goes on where it had more waiters to serve than one transaction may: each of them is short.
   * `learn` gets the answer before anyone is told of a grant, also where one transaction has both.
   */
  async function visit<T>(
    name: string,
    work: (permits: Permits) => T,
    learn: (answer: T) => void = () => {},
  ): Promise<T> {
    for (;;) {
      const done = await write((transaction) => {
        sweeper.sweepSometimes(transaction)
        return visitOnce(new Permits(transaction, `${prefix}:${name}`, grants.floor), work)
      })
      if (!done) continue
      learn(done.answer)
      for (const grant of done.grants) grants.deliver(grant)
      // The answer stands without it; the waiters ask again by themselves.
      if (done.mayServeMore) await visit(name, serveLine).catch(() => {})
      return done.answer
    }
  }

  const learnOf = (owner: Owner) => (outcome: AcquireOutcome | ReweighOutcome) => {
    if (outcome.tag === 'waiting') grants.await(owner)
    if (outcome.tag === 'lost' && !outcome.wantsMore) grants.forget(owner)
    const hasAll = outcome.tag === 'changed' || (outcome.tag === 'acquired' && !outcome.wantsMore)
    if (hasAll) grants.acquired(owner, outcome.fence)
  }

  return {
    async acquire(request) {
      const sentAtMs = engine.clock.monotonicMs()
      const { name, owner, demand } = request
      const outcome = await visit(name, (permits) => acquire(permits, request), learnOf(owner))
      if (outcome.tag === 'mismatch') {
        throw new SettingsMismatchError('Semaphore', name, outcome.permits, demand.permits)
      }
      if (outcome.tag === 'acquired') return { tag: 'acquired', fence: outcome.fence, sentAtMs }
      return { ...outcome, sentAtMs }
    },

    async renew({ name, owner, ttlMs }) {
      const sentAtMs = engine.clock.monotonicMs()
      const answer = await visit(name, (permits) => renew(permits, owner, ttlMs))
      if (answer.tag === 'lost') return answer
      if (answer.untold) grants.deliver(answer.untold)
      return { tag: 'renewed', sentAtMs }
    },

    release: ({ name, owner }) =>
      visit(
        name,
        (permits) => release(permits, owner),
        ({ tag }) => {
          if (tag === 'released') grants.forget(owner)
        },
      ),

    async leave({ name, owner }) {
      // A call before this one may still make it wait.
      await visit(name, (permits) => leave(permits, owner)).finally(() => grants.forget(owner))
    },

    async reweigh(request) {
      const sentAtMs = engine.clock.monotonicMs()
      const { name, owner } = request
      const outcome = await visit(name, (permits) => reweigh(permits, request), learnOf(owner))
      return outcome.tag === 'lost' ? { tag: 'lost' } : { ...outcome, sentAtMs }
    },

    resize: ({ name, permits: count }) => visit(name, (permits) => resize(permits, count)),

    inspect: (name) => engine.read((transaction) => viewOf(transaction, prefix, name)),

    list: (limit) =>
      engine.read((transaction) =>
        namesInUse(transaction, prefix, limit).map((name) => viewOf(transaction, prefix, name)),
      ),

    onGrant: (listener) => grants.onGrant(listener),
    // Nothing here takes away on purpose.
    onForced: () => () => {},
    onDoubt: (listener) => grants.onDoubt(listener),
    // A file is under the eyes of this process: it does not come back as another one.
    resetSince: () => null,
  }
}

/** Null: there is more to clear up first. */
function visitOnce<T>(permits: Permits, work: (permits: Permits) => T) {
  const isClear = !permits.letExpiredGo()
  const answer = isClear ? work(permits) : null
  permits.save()
  const { grants, mayServeMore } = permits
  return isClear ? { answer: answer as T, grants, mayServeMore } : null
}
