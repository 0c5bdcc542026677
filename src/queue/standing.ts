import type { Entry, Gate, Pass } from '../gate/gate.ts'

/** One who asks for a gate, and stands in its line until let in, or until it is abandoned. */
export class Standing implements Entry {
  readonly kind = 'job'
  readonly demand: string
  readonly metadata: string
  /** Null if it was abandoned before. */
  readonly entered: Promise<Pass | null>
  #isAborted = false
  #isWaiting = false
  #tellWaiting: (pass: null) => void = () => {}
  #controller: AbortController | null = null

  constructor(gate: Gate, demand: string, metadata: string) {
    this.demand = demand
    this.metadata = metadata
    this.entered = gate.enter(this)
  }

  get aborted(): boolean {
    return this.#isAborted
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#isAborted) this.#controller.abort()
    return this.#controller.signal
  }

  /** What it was let in with at once; null as soon as it is known that it has to wait. Rejects as `entered` does. */
  atOnce(): Promise<Pass | null> {
    return new Promise((resolve, reject) => {
      if (this.#isWaiting) resolve(null)
      this.#tellWaiting = resolve
      this.entered.then(resolve, reject)
    })
  }

  onWaiting(): void {
    this.#isWaiting = true
    this.#tellWaiting(null)
  }

  /** Leaves the line; what was got meanwhile is given back. Resolves when that is done. */
  async abandon(): Promise<void> {
    this.#isAborted = true
    this.#controller?.abort()
    const pass = await this.entered.catch(() => null)
    await pass?.giveBack()
  }
}

/** It may fail before anybody asks what became of it. */
export function inLine(gate: Gate, demand: string, metadata: string): Standing {
  const standing = new Standing(gate, demand, metadata)
  standing.entered.catch(() => {})
  return standing
}
