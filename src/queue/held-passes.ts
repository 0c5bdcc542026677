import type { Pass } from '../gate/gate.ts'

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

  add(id: string, passes: readonly Pass[]): void {
    this.byJob.set(id, passes)
    for (const { signal } of passes) {
      const lost = () => {
        if (this.byJob.get(id) === passes) this.onLost(id, signal?.reason)
      }
      if (signal?.aborted) lost()
      else signal?.addEventListener('abort', lost, { once: true })
    }
  }

  release(id: string): Promise<void>[] {
    const passes = this.byJob.size === 0 ? undefined : this.byJob.get(id)
    if (!passes) return []
    this.byJob.delete(id)
    return passes.map((pass) => pass.release())
  }
}

/** Of a job that does not run: none is left. */
export async function giveBack(passes: Pass[]): Promise<void> {
  await Promise.all(passes.splice(0).map((pass) => pass.giveBack()))
}
