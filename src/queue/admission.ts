import type { Clock } from '../clock.ts'
import type { Gate, Pass } from '../gate/gate.ts'
import type { LetIn } from './gatekeeper.ts'
import { giveBack } from './held-passes.ts'
import type { Needs } from './needs.ts'
import { Standing } from './standing.ts'
import type { StoredJob } from './store.ts'

export interface AdmissionTerms {
  clock: Clock
  needs: Needs
  /** JSON that others in a line see of this consumer. */
  metadata: string
  isKeeping: (key: string) => boolean
  /** It is to be behind that gate; who stands in line there already goes on as its keeper, or leaves. */
  park: (job: StoredJob, gate: Gate, standing: Standing | null) => Promise<unknown>
}

/** `back`: it waits no more for what it was about to get. */
export type Admitted = 'in' | 'parked' | 'back'

/** Gates that are remembered as kept by others, and jobs that were put off. */
const MOST_REMEMBERED = 10_000

/** Asks for what jobs need: all gates of each, or none. */
export class Admission {
  private readonly terms: AdmissionTerms
  /** Gates for one at a time that are held or asked for here. */
  private readonly taken = new Set<string>()
  /** Until when others keep a gate, monotonic. */
  private readonly elsewhere = new Map<string, number>()
  private readonly standings = new Set<Standing>()
  /** What jobs that were put off wait for. */
  private readonly deferredFor = new Map<string, Gate>()

  constructor(terms: AdmissionTerms) {
    this.terms = terms
  }

  /** @param passes gets what the job holds then: what is left in it is to be given back where it is not in */
  async enterAll(job: StoredJob, passes: Pass[], granted: LetIn | undefined): Promise<Admitted> {
    if (granted?.pass) passes.push(granted.pass)
    const { id, payload } = job
    const gates = this.terms.needs.of(payload, granted ? this.extrasOf(id, granted.gate) : [])
    const grantedAt = gates.findIndex(({ key }) => key === granted?.pass?.key)
    for (const [at, gate] of gates.entries()) {
      const isExtra = gate === granted?.gate
      if (at === grantedAt && (isExtra || granted?.demand === gate.demand)) continue
      // Another job was the first one when it was asked for.
      if (at === grantedAt) await giveBack(passes.splice(0, 1))
      const mayStand = grantedAt >= 0 && at > grantedAt && !gate.isSpent
      const pass = mayStand ? await this.stand(gate) : await this.enter(job, gate, passes)
      if (!pass && granted && gates.includes(granted.gate)) this.remember(id, granted.gate)
      if (!pass) return mayStand ? 'back' : 'parked'
      passes.push(gate.isShared ? pass : this.noting(pass))
    }
    this.deferredFor.delete(id)
    return 'in'
  }

  /**
   * The job waits for a gate that it does not say it needs. Its body does not know: where it has to wait for another one before it
   * runs, who lets it in there may have heard of it here. Else two who ask in turn for what the other waits for might never get both.
   */
  remember(id: string, gate: Gate): void {
    if (this.deferredFor.size >= MOST_REMEMBERED) this.deferredFor.clear()
    this.deferredFor.set(id, gate)
  }

  /** Others keep a gate for that long. */
  noteKept(key: string, forMs: number): void {
    if (this.elsewhere.size >= MOST_REMEMBERED) this.elsewhere.clear()
    this.elsewhere.set(key, this.terms.clock.monotonicMs() + forMs)
  }

  /** Those who wait with what they have leave their lines. */
  abandon(): Promise<void>[] {
    return [...this.standings].map((standing) => standing.abandon())
  }

  private extrasOf(id: string, gate: Gate): Gate[] {
    const remembered = this.deferredFor.get(id)
    return remembered && remembered.key !== gate.key ? [gate, remembered] : [gate]
  }

  /** Null: it is parked. */
  private async enter(job: StoredJob, gate: Gate, passes: Pass[]): Promise<Pass | null> {
    const standing = this.isShut(gate) ? null : this.ask(gate)
    const isIn = standing !== null && (await standing.isIn)
    const pass = isIn ? await standing.entered : null
    if (pass) return pass
    await giveBack(passes)
    await this.terms.park(job, gate, standing)
    return null
  }

  /**
   * A job that was let in waits for what comes behind in the order of gates with what it has: parked again, it would find
   * the others shut each time while many need the same ones. As all wait in that order, none waits for ever.
   */
  private async stand(gate: Gate): Promise<Pass | null> {
    const standing = new Standing(gate, gate.demand, this.terms.metadata)
    this.standings.add(standing)
    try {
      return await standing.entered
    } finally {
      this.standings.delete(standing)
    }
  }

  /** Others wait for it, or hold it and will for a while: asking would be in vain. */
  private isShut({ key }: Gate): boolean {
    if (this.terms.isKeeping(key) || this.taken.has(key)) return true
    const untilMs = this.elsewhere.get(key)
    if (untilMs === undefined) return false
    if (untilMs > this.terms.clock.monotonicMs()) return true
    this.elsewhere.delete(key)
    return false
  }

  private ask(gate: Gate): Standing {
    const standing = new Standing(gate, gate.demand, this.terms.metadata)
    if (gate.isShared) return standing
    this.taken.add(gate.key)
    const free = () => this.taken.delete(gate.key)
    standing.isIn.then((isIn) => isIn || free(), free)
    return standing
  }

  /** Of a gate for one at a time: while it is held here nobody here has to ask. */
  private noting(pass: Pass): Pass {
    const { key, fence, signal } = pass
    const free = () => this.taken.delete(key)
    return {
      ...{ key, fence, signal },
      release: () => pass.release().finally(free),
      giveBack: () => pass.giveBack().finally(free),
    }
  }
}
