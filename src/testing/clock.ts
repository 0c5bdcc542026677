import type { Clock, Timer } from '../clock.ts'
import { type Duration, LONGEST_MS, readDuration } from '../duration.ts'

interface PendingTimer {
  dueMs: number
  callback: () => void
}

/** A clock that stands still until a test moves it; timers and stores follow. */
export interface TestClock extends Clock {
  /**
   * Moves time forward, firing timers in the order in which they are due. After each one, and at
   * the end, it waits for what {@link settleWith} names.
   */
  advance(duration: Duration): Promise<void>
  /** Moves only the wall clock and the stores' clock, as an administrator would; may be negative. */
  stepWall(ms: number): void
  /** Adds something to wait for whenever time has moved, such as an engine's calls under way. */
  settleWith(idle: () => Promise<void>): void
}

/**
 * What a timer starts may call the engine, and again with the answer. Each call may take a turn of
 * the event loop more on a busy machine, where a transaction is ended early.
 */
const CALLS_IN_A_ROW = 4

/** Starts at `startMs`, by default 2026-01-01T00:00:00Z. */
export function testClock(startMs: number = Date.UTC(2026, 0, 1)): TestClock {
  let elapsedMs = 0
  let wallOffsetMs = startMs
  const timers = new Set<PendingTimer>()
  const settlers: (() => Promise<void>)[] = []

  async function settle(): Promise<void> {
    for (let call = 0; call < CALLS_IN_A_ROW; call++) {
      for (const idle of settlers) {
        await new Promise((resolve) => setImmediate(resolve))
        await idle()
      }
    }
    await new Promise((resolve) => setImmediate(resolve))
  }

  function nextDue(limitMs: number): PendingTimer | undefined {
    let next: PendingTimer | undefined
    for (const timer of timers) {
      if (timer.dueMs <= limitMs && (!next || timer.dueMs < next.dueMs)) next = timer
    }
    return next
  }

  return {
    monotonicMs: () => elapsedMs,
    wallMs: () => wallOffsetMs + elapsedMs,
    // Next to an epoch, milliseconds have no room for their thousandths: the two are added as
    // microseconds. Rounding up would make things due before their time.
    storeUs: () => Math.round(wallOffsetMs * 1000) + Math.floor(elapsedMs * 1000 + 1e-3),
    after(delayMs, callback): Timer {
      const timer = { dueMs: elapsedMs + Math.max(0, delayMs), callback }
      timers.add(timer)
      return { cancel: () => timers.delete(timer) }
    },
    async advance(duration) {
      const targetMs =
        elapsedMs + readDuration(duration, 'duration', { minMs: 0, maxMs: LONGEST_MS })
      await settle()
      for (let timer = nextDue(targetMs); timer; timer = nextDue(targetMs)) {
        timers.delete(timer)
        elapsedMs = Math.max(elapsedMs, timer.dueMs)
        timer.callback()
        await settle()
      }
      elapsedMs = targetMs
      await settle()
    },
    stepWall(ms) {
      wallOffsetMs += ms
    },
    settleWith(idle) {
      settlers.push(idle)
    },
  }
}
