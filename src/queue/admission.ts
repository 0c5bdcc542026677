import type { Clock } from '../clock.ts'
import type { Gate, Pass } from '../gate/gate.ts'
import type { LetIn } from './gatekeeper.ts'
import type { Needs } from './needs.ts'
import { ShutGates } from './shut-gates.ts'
import { Standing } from './standing.ts'
import { Standings, type StandingsTerms } from './standings.ts'
import type { StoredJob } from './store.ts'

export interface AdmissionTerms extends StandingsTerms {
  clock: Clock
  needs: Needs
  isKeeping: (key: string) => boolean
  /** It is to be behind that gate; who stands in line there already goes on as its keeper, or leaves. */
  park: (job: StoredJob, where: Where, standing: Standing | null) => Promise<unknown>
}

/** Behind which gate a job is, and whose turn it takes there; null where jobs wait in one line. */
export interface Where {
  gate: Gate
  turnOf: string | null
}

/** What a job has when it asks: what it was let in with, or what it kept since it failed. */
export interface Brought {
  granted?: LetIn
  kept?: readonly Pass[]
}

const NONE: readonly Pass[] = []
const NOTHING: Brought = {}

/** `back`: it waits no more for what it was about to get. */
export type Admitted = 'in' | 'parked' | 'back'

/** Jobs of which is remembered until what they were put off. */
const MOST_DEFERRED = 10_000

/** Asks for what jobs need: all gates of each, or none. */
export class Admission {
  private readonly terms: AdmissionTerms
  private readonly shut: ShutGates
  private readonly standings: Standings
  /** What jobs that were put off wait for. */
  private readonly deferred = new Map<string, Gate>()

  constructor(terms: AdmissionTerms) {
    this.terms = terms
    this.shut = new ShutGates(terms.clock)
    this.standings = new Standings(terms)
  }

  /** @param passes gets what the job holds then: what is left in it is to be given back where it is not in */
  async enterAll(
    job: StoredJob,
    passes: Pass[],
    { granted, kept = NONE }: Brought = NOTHING,
  ): Promise<Admitted> {
    if (kept.length > 0) passes.push(...kept)
    if (granted?.pass) passes.push(granted.pass)
    const { needs } = this.terms
    const gates = granted ? this.gatesOf(job, granted.gate) : needs.of(job.payload)
    const grantedAt = granted ? gates.findIndex(({ key }) => key === granted.pass?.key) : -1
    // No iterator and no function for each: nearly all jobs need one gate, and bring nothing.
    for (let at = 0; at < gates.length; at++) {
      const gate = gates[at] as Gate
      if (kept.length > 0 && kept.some(({ key }) => key === gate.key)) continue
      const isExtra = gate === granted?.gate
      if (at === grantedAt && (isExtra || granted?.demand === gate.demand)) continue
      // Another job was the first one when it was asked for.
      if (at === grantedAt) await this.giveBack(passes.splice(0, 1))
      const isBehind = grantedAt >= 0 && at > grantedAt
      const isLater = isBehind && !gate.isSpent
      const takesTurns = isLater && needs.turnOf(job.payload, gate) !== null
      const mayStand = isLater && this.standings.mayStand(takesTurns)
      // It has what others lack who wait for units: put behind them, it would come back when the lock is gone, in turns for ever.
      const mayPass = isBehind && gate.isSpent
      const standing = mayStand || (!mayPass && this.isShut(gate)) ? null : this.ask(gate)
      let pass: Pass | null = null
      try {
        if (standing) pass = await standing.atOnce()
        else if (mayStand) pass = await this.standings.stand(gate, takesTurns)
      } finally {
        if (standing && !pass) this.shut.free(gate.key)
      }
      if (pass) {
        passes.push(pass)
        continue
      }
      if (granted && gates.includes(granted.gate)) this.remember(job.id, granted.gate)
      if (mayStand) return 'back'
      await this.shut.whileParking(gate.key, async () => {
        await this.giveBack(passes)
        await this.terms.park(job, { gate, turnOf: needs.turnOf(job.payload, gate) }, standing)
      })
      return 'parked'
    }
    if (granted) this.deferred.delete(job.id)
    return 'in'
  }

  /**
   * The job waits for a gate that it does not say it needs. Its body does not know: where it has to wait for another one before it
   * runs, who lets it in there may have heard of it here. Else two who ask in turn for what the other waits for might never get both.
   */
  remember(id: string, gate: Gate): void {
    if (this.deferred.size >= MOST_DEFERRED) this.deferred.clear()
    this.deferred.set(id, gate)
  }

  /** Others keep a gate for that long. */
  keepOut(key: string, forMs: number): void {
    this.shut.keepOut(key, forMs)
  }

  /** While it is held, nobody here has to ask. */
  release(pass: Pass): Promise<unknown> {
    return pass.release().then(() => this.shut.free(pass.key))
  }

  /** Of a job that does not run: none is left. */
  async giveBack(passes: Pass[]): Promise<void> {
    await Promise.all(
      passes.splice(0).map(async (pass) => {
        await pass.giveBack()
        this.shut.free(pass.key)
      }),
    )
  }

  /** Those who wait with what they have leave their lines. */
  abandon(): Promise<void>[] {
    return this.standings.abandon()
  }

  /** With what it is to have besides: it was let in to that, or is known to have been put off until it has it. */
  private gatesOf({ id, payload }: StoredJob, granted: Gate): Gate[] {
    const deferred = this.deferred.get(id)
    const isOther = deferred && deferred.key !== granted.key
    return this.terms.needs.with(payload, isOther ? [granted, deferred] : [granted])
  }

  private ask(gate: Gate): Standing {
    if (!gate.isShared) this.shut.take(gate.key)
    return new Standing(gate, gate.demand, this.terms.metadata)
  }

  /** Others wait for it, or hold it and will for a while: asking would be in vain. */
  private isShut({ key }: Gate): boolean {
    return this.terms.isKeeping(key) || this.shut.has(key)
  }
}
