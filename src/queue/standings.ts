import type { Gate, Pass } from '../gate/gate.ts'
import type { UnderWay } from '../gate/under-way.ts'
import { Standing } from './standing.ts'

export interface StandingsTerms {
  /** JSON that others in a line see of this consumer. */
  metadata: string
  /** Whether half of the free slots are left to others. */
  isRoomy: () => boolean
  /** Who asks for what may be had now: not who stands and waits. */
  asking: UnderWay
  /** Whether a job that is parked behind the gate took over the pass. */
  letPass: (gate: Gate, pass: Pass) => Promise<boolean>
}

/**
 * Jobs that were let in somewhere and wait for what comes behind that in the order of gates with what they have: parked again, they
 * would find the others shut each time while many need the same ones. As all wait in that order, none waits for ever.
 */
export class Standings {
  private readonly terms: StandingsTerms
  private readonly all = new Set<Standing>()

  constructor(terms: StandingsTerms) {
    this.terms = terms
  }

  /**
   * Not with half of the free slots where keys take turns: who is parked there needs room as well. Else it is parked
   * there, in its turn; one always stands, so that not all go to and fro between two gates.
   */
  mayStand(takesTurns: boolean): boolean {
    return !takesTurns || this.all.size === 0 || this.terms.isRoomy()
  }

  /**
   * Null if it was abandoned. Where keys take turns, those who stand have a place each, and all who are parked have one: so
   * each lets one of these go first.
   */
  async stand(gate: Gate, takesTurns: boolean): Promise<Pass | null> {
    const pass = await this.enter(gate)
    const isPassed = pass !== null && takesTurns && (await this.terms.letPass(gate, pass))
    return isPassed ? this.enter(gate) : pass
  }

  /** All leave their lines. */
  abandon(): Promise<void>[] {
    return [...this.all].map((standing) => standing.abandon())
  }

  private async enter(gate: Gate): Promise<Pass | null> {
    const standing = new Standing(gate, gate.demand, this.terms.metadata)
    this.all.add(standing)
    try {
      return (await standing.atOnce()) ?? (await this.wait(standing))
    } finally {
      this.all.delete(standing)
    }
  }

  private async wait(standing: Standing): Promise<Pass | null> {
    const { asking } = this.terms
    asking.end()
    try {
      return await standing.entered
    } finally {
      asking.begin()
    }
  }
}
