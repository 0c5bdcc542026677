/** Counts calls that have not ended, for who has to wait for all of them. */
export class UnderWay {
  private count = 0
  private readonly waiting: (() => void)[] = []
  private readonly ended = () => this.end()
  private readonly failed = (error: unknown) => {
    this.end()
    throw error
  }

  begin(): void {
    this.count++
  }

  end(): void {
    this.count--
    if (this.count === 0) for (const resolve of this.waiting.splice(0)) resolve()
  }

  /** Counts one until it is settled. Nobody else needs to look at it; what it rejects with stays unhandled. */
  during(promise: Promise<unknown>): void {
    this.begin()
    promise.then(this.ended, this.failed)
  }

  get isIdle(): boolean {
    return this.count === 0
  }

  /** Resolves when none is under way and what they told is flushed, or when it is over. */
  async rest(teller: { flushed(): Promise<void> }, isOver: () => boolean): Promise<void> {
    await teller.flushed()
    while (this.count > 0 && !isOver()) {
      await this.idle()
      await teller.flushed()
    }
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    if (this.count > 0) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }
}
