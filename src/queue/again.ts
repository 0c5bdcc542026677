import type { Clock } from '../clock.ts'

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000

export interface Insisting<T> {
  clock: Clock
  call: () => Promise<T>
  /** Nobody waits for the answer any more. */
  isOver: () => boolean
  failed?: (error: unknown) => void
}

/** Makes the same call until it is answered, with longer and longer pauses. Null if it is over before. */
export async function untilAnswered<T>(insisting: Insisting<T>): Promise<T | null> {
  const { clock, call, isOver, failed } = insisting
  for (let pauseMs = FIRST_PAUSE_MS; !isOver(); pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await call()
    } catch (error) {
      if (isOver()) break
      failed?.(error)
      await pause(clock, pauseMs * (0.5 + Math.random() / 2))
    }
  }
  return null
}

const pause = (clock: Clock, ms: number) =>
  new Promise<void>((resolve) => {
    clock.after(ms, resolve)
  })
