import type { Gate, Pass } from '../gate/gate.ts'

/** One who asks for a gate, and stands in its line until let in, or until it is abandoned. */
export class Standing {
  /** Null if it was abandoned before. */
  readonly entered: Promise<Pass | null>
  /** Whether it was let in at once: as soon as that is known. Rejects as `entered` does. */
  readonly isIn: Promise<boolean>
  readonly #controller = new AbortController()

  constructor(gate: Gate, demand: string, metadata: string) {
    let tell = (_: boolean) => {}
    const waits = new Promise<boolean>((resolve) => {
      tell = resolve
    })
    const entry = {
      ...{ demand, metadata },
      signal: this.#controller.signal,
      onWaiting: () => tell(false),
    }
    this.entered = gate.enter(entry)
    this.isIn = Promise.race([waits, this.entered.then((pass) => pass !== null)])
    // Whoever asks is told; nobody has to.
    this.entered.catch(() => {})
    this.isIn.catch(() => {})
  }

  /** Leaves the line; what was got meanwhile is given back. Resolves when that is done. */
  async abandon(): Promise<void> {
    this.#controller.abort()
    const pass = await this.entered.catch(() => null)
    await pass?.giveBack()
  }
}
