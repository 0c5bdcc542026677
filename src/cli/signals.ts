import type { Child } from './child.ts'
import { exitCodeOfSignal, InterruptedError } from './exit-codes.ts'

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/** Signals to us are meant for the command; until it runs, they end the wait for the lock. */
export class SignalRoute {
  private child: Child | null = null
  private readonly waiting = new AbortController()
  /** Whether the command was told to end. */
  wasForwarded = false

  constructor() {
    for (const signal of FORWARDED) process.on(signal, () => this.route(signal))
  }

  /** Aborts, with an {@link InterruptedError}, by a signal before there is a command. */
  get interrupted(): AbortSignal {
    return this.waiting.signal
  }

  /** Stopped by Ctrl-Z, we would renew nothing, and lose the lock while the command goes on. */
  ignoreStop(): void {
    process.on('SIGTSTP', () => {})
  }

  forwardTo(child: Child): void {
    this.child = child
  }

  private route(signal: NodeJS.Signals): void {
    if (this.child) {
      this.wasForwarded = true
      this.child.signal(signal)
    } else if (this.waiting.signal.aborted) {
      process.exit(exitCodeOfSignal(signal))
    } else {
      this.waiting.abort(new InterruptedError(signal))
    }
  }
}
