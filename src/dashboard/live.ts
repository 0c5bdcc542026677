import type { Inspector, LockRow, Overview } from '../inspect/index.ts'

/** How often a change is looked for while anyone watches. */
const LOOK_EVERY_MS = 1_000
/** Whoever asks sooner after a look gets what that one saw. */
const FRESH_FOR_MS = 250

/** One overview, and its number: higher for each one that says something new. */
export interface Snapshot {
  version: number
  overview: Overview
}

/** Looks at the engine on behalf of all who watch, so that twenty pages cost no more than one. */
export class Live {
  private readonly inspector: Inspector
  private latest: Snapshot | null = null
  private latestKey = ''
  private takenAtMs = Number.NEGATIVE_INFINITY
  private looking: Promise<Snapshot> | null = null

  constructor(inspector: Inspector) {
    this.inspector = inspector
  }

  /** The state of now, or of at most `freshForMs` ago. */
  current(freshForMs = FRESH_FOR_MS): Promise<Snapshot> {
    if (this.latest && performance.now() - this.takenAtMs < freshForMs) {
      return Promise.resolve(this.latest)
    }
    this.looking ??= this.look().finally(() => {
      this.looking = null
    })
    return this.looking
  }

  /** The first snapshot that differs from `version`, or null when none came within `waitMs`. */
  async after(version: number, waitMs: number, signal: AbortSignal): Promise<Snapshot | null> {
    const deadlineMs = performance.now() + waitMs
    while (performance.now() < deadlineMs && !signal.aborted) {
      await pause(LOOK_EVERY_MS, signal)
      if (signal.aborted) return null
      const snapshot = await this.current(LOOK_EVERY_MS - FRESH_FOR_MS)
      if (snapshot.version !== version) return snapshot
    }
    return null
  }

  /** After a failed look. */
  pause(signal: AbortSignal): Promise<void> {
    return pause(LOOK_EVERY_MS, signal)
  }

  private async look(): Promise<Snapshot> {
    const overview = await this.inspector.overview()
    this.takenAtMs = performance.now()
    const key = changeKey(overview)
    const version = (this.latest?.version ?? 0) + (key === this.latestKey ? 0 : 1)
    this.latestKey = key
    this.latest = { version, overview }
    return this.latest
  }
}

/** Equal for two overviews that a reader could not tell apart: time that just runs on is no change. */
function changeKey({ takenAtMs, locks, ...rest }: Overview): string {
  const endOf = ({ remainingMs }: LockRow) =>
    remainingMs === null ? null : Math.round((takenAtMs + remainingMs) / LOOK_EVERY_MS)
  const rows = locks.rows.map((lock) => ({ ...lock, remainingMs: endOf(lock) }))
  return JSON.stringify({ ...rest, locks: { ...locks, rows } })
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timeout)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timeout = setTimeout(done, ms)
    if (signal.aborted) done()
    else signal.addEventListener('abort', done)
  })
}
