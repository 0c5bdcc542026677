import type { Pass } from '../gate/gate.ts'

const NONE: readonly Pass[] = []

/** What jobs hold that were given out. */
export class HeldPasses {
  private readonly byJob = new Map<string, readonly Pass[]>()
  private readonly onLost: (id: string, reason: unknown) => void

  constructor(onLost: (id: string, reason: unknown) => void) {
    this.onLost = onLost
  }

  ids(): string[] {
    return [...this.byJob.keys()]
  }

  /** False if something of it is lost already. */
  add(id: string, passes: readonly Pass[]): boolean {
    let isLost = false
    this.byJob.set(id, passes)
    const lost = (reason: unknown) => {
      isLost = true
      if (this.byJob.get(id) === passes) this.onLost(id, reason)
    }
    for (const pass of passes) pass.onLost(lost)
    return !isLost
  }

  /** What it held, which is to be released. */
  remove(id: string): readonly Pass[] {
    const passes = this.byJob.size === 0 ? undefined : this.byJob.get(id)
    if (!passes) return NONE
    this.byJob.delete(id)
    return passes
  }
}
