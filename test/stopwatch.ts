/** What a promised deadline is held against: a busy machine is not a broken promise. */
export interface Timed<T> {
  result: T
  /** Monotonic milliseconds, less all that the event loop stood still meanwhile. */
  tookMs: number
}

const LOOK_EVERY_MS = 5
/** Timers are late by less than this on a machine that has nothing else to do. */
const SHORTEST_STALL_MS = 5

export async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  let stalledMs = 0
  let lastLookMs = performance.now()
  const startedMs = lastLookMs
  function look(): void {
    const nowMs = performance.now()
    const lateMs = nowMs - lastLookMs - LOOK_EVERY_MS
    if (lateMs > SHORTEST_STALL_MS) stalledMs += lateMs
    lastLookMs = nowMs
  }
  const timer = setInterval(look, LOOK_EVERY_MS)
  try {
    const result = await work()
    look()
    return { result, tookMs: lastLookMs - startedMs - stalledMs }
  } finally {
    clearInterval(timer)
  }
}
