import type { Clock } from '../clock.ts'

/** Until when a consumer is sure to hold what it has claimed. */
export class Coverage {
  private readonly clock: Clock
  private readonly leaseMs: number
  /** Monotonic: from then on it may be somebody else's. */
  untilMs = 0

  constructor(clock: Clock, leaseMs: number) {
    this.clock = clock
    this.leaseMs = leaseMs
  }

  /** The same call, whose answers say that the lease was renewed after it left. */
  by<Request, Answer extends { tag: string }>(call: (request: Request) => Promise<Answer>) {
    return async (request: Request): Promise<Answer> => {
      const sentAtMs = this.clock.monotonicMs()
      const answer = await call(request)
      if (answer.tag === 'ok') this.untilMs = Math.max(this.untilMs, sentAtMs + this.leaseMs)
      return answer
    }
  }
}
