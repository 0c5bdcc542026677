import { monitorEventLoopDelay } from 'node:perf_hooks'

/** What a promised deadline is held against: a busy machine is not a broken promise. */
export interface Timed<T> {
  result: T
  /** Monotonic milliseconds, less the longest delay of the event loop seen meanwhile. */
  tookMs: number
}

export async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const startedMs = performance.now()
  const result = await work()
  const elapsedMs = performance.now() - startedMs
  delay.disable()
  // The histogram counts its own period as delay.
  const longestDelayMs = Math.max(0, delay.max / 1e6 - 5)
  return { result, tookMs: elapsedMs - longestDelayMs }
}
