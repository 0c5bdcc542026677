/** Counts calls that have not ended, for who has to wait for all of them. */
export class UnderWay {
  private count = 0
  private readonly waiting: (() => void)[] = []

  begin(): void {
    this.count++
  }

  end(): void {
    this.count--
    if (this.count === 0) for (const resolve of this.waiting.splice(0)) resolve()
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    if (this.count > 0) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }
}
