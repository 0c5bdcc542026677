/** A timer that was set on a {@link Clock}. Cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void
}

/**
 * Where time comes from. Durations are measured on `monotonicMs`; `wallMs` is only ever compared
 * with itself, to notice a suspended machine. What a store calls "now" is `storeUs`.
 */
export interface Clock {
  /** Milliseconds on a clock that never steps. */
  monotonicMs(): number
  /** Milliseconds since the epoch on this machine's clock. */
  wallMs(): number
  /**
   * Integer microseconds since the epoch that stores must take as now, or null for the engine's
   * own clock: the Redis server's `TIME`, or the database's `max(stored, Date.now())`.
   */
  storeUs(): number | null
  /** Calls back once, not before `delayMs` have passed. `background` timers keep no process alive. */
  after(delayMs: number, callback: () => void, options?: { background?: boolean }): Timer
}

/** `setTimeout` overflows at 2^31 ms and would fire at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

/** The clock of the machine, with the engine's own time for what is stored. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  storeUs: () => null,
  after(delayMs, callback, options = {}) {
    const dueMs = performance.now() + delayMs
    let timeout: NodeJS.Timeout | undefined
    const arm = (leftMs: number) => {
      timeout = setTimeout(check, Math.min(Math.ceil(leftMs), LONGEST_TIMEOUT_MS))
      if (options.background) timeout.unref()
    }
    // Timeouts count from the start of their turn of the event loop, and fire up to 1 ms early.
    const check = () => {
      const leftMs = dueMs - performance.now()
      if (leftMs > 0) arm(leftMs)
      else callback()
    }
    arm(Math.max(0, delayMs))
    return { cancel: () => clearTimeout(timeout) }
  },
}

/** Resolves after `delayMs` on `clock`, or rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      timer.cancel()
      reject(signal?.reason)
    }
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
