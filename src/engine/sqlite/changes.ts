import { type FSWatcher, watch } from 'node:fs'

type Listener = () => void

interface ChangesOptions {
  /** Whether another process has committed since the last look; null when there can be none. */
  look: (() => boolean) | null
  /** The write-ahead log, whose growth is a hint to look at once. */
  logPath: string
  /** A listener threw, which is a bug. */
  onFailure: (error: unknown) => void
}

/** Pauses between looks while nothing changes, and how often each is taken before the next. */
const PAUSES_MS: readonly { pauseMs: number; count: number }[] = [
  { pauseMs: 1, count: 20 },
  { pauseMs: 2, count: 10 },
  { pauseMs: 5, count: 6 },
  { pauseMs: 10, count: 4 },
  { pauseMs: 25, count: 2 },
  { pauseMs: 50, count: 2 },
]
const LONGEST_PAUSE_MS = 100
/** From this pause on the file system is asked too: a busier log would call back all the time. */
const WATCHED_PAUSE_MS = 5

/**
 * Tells listeners of commits: of this process by topic, of other processes by looking while anyone
 * listens. Looks get rarer while nothing happens; then the file system is asked for a hint.
 */
export class Changes {
  private readonly options: ChangesOptions
  private readonly listeners = new Map<string, Set<Listener>>()
  private timer: NodeJS.Timeout | undefined
  private watcher: FSWatcher | undefined
  private quietLooks = 0

  constructor(options: ChangesOptions) {
    this.options = options
  }

  on(topic: string, listener: Listener): () => void {
    const entry = () => listener()
    const entries = this.listeners.get(topic) ?? new Set()
    this.listeners.set(topic, entries.add(entry))
    this.lookOften()
    return () => {
      entries.delete(entry)
      if (entries.size === 0 && this.listeners.get(topic) === entries) this.listeners.delete(topic)
      if (this.listeners.size === 0) this.stop()
    }
  }

  emit(topics: Iterable<string>): void {
    for (const topic of topics) this.call(this.listeners.get(topic))
  }

  /** Another process has committed something. */
  emitAll(): void {
    this.lookOften()
    for (const entries of [...this.listeners.values()]) this.call(entries)
  }

  close(): void {
    this.listeners.clear()
    this.stop()
  }

  private call(entries: Set<Listener> | undefined): void {
    for (const entry of entries ? [...entries] : []) {
      try {
        entry()
      } catch (error) {
        this.options.onFailure(error)
      }
    }
  }

  private lookOften(): void {
    this.quietLooks = 0
    this.stopWatching()
    if (this.options.look && this.listeners.size > 0) this.lookIn(1)
  }

  private lookIn(pauseMs: number): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.look(), pauseMs)
  }

  private look(): void {
    if (this.options.look?.()) return this.emitAll()
    this.quietLooks++
    const pauseMs = pauseAfter(this.quietLooks)
    if (pauseMs >= WATCHED_PAUSE_MS) this.startWatching()
    this.lookIn(pauseMs)
  }

  private startWatching(): void {
    if (this.watcher) return
    try {
      // The log grows a moment before what it holds is committed.
      this.watcher = watch(this.options.logPath, { persistent: false }, () => this.lookOften())
      this.watcher.on('error', () => this.stopWatching())
    } catch {
      // Not every file system can; looking goes on without.
    }
  }

  private stopWatching(): void {
    this.watcher?.close()
    this.watcher = undefined
  }

  private stop(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.stopWatching()
  }
}

function pauseAfter(quietLooks: number): number {
  let left = quietLooks
  for (const { pauseMs, count } of PAUSES_MS) {
    if (left < count) return pauseMs
    left -= count
  }
  return LONGEST_PAUSE_MS
}
