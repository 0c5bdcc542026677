import type { Connection } from './connection.ts'

export interface HealthEvents {
  onUnavailable(connection: Connection, cause: Error): void
  /** `afterMs` since the trouble began. */
  onAvailable(afterMs: number): void
}

/** Which connections are in trouble. The engine is available while none is. */
export class Health {
  private readonly troubled = new Set<Connection>()
  private readonly events: HealthEvents
  private sinceMs = 0

  constructor(events: HealthEvents) {
    this.events = events
  }

  get available(): boolean {
    return this.troubled.size === 0
  }

  trouble(connection: Connection, cause: Error): void {
    if (this.available) {
      this.sinceMs = performance.now()
      this.events.onUnavailable(connection, cause)
    }
    this.troubled.add(connection)
  }

  /** Returns whether it was in trouble. */
  fine(connection: Connection): boolean {
    const was = this.troubled.delete(connection)
    if (was && this.available) this.events.onAvailable(performance.now() - this.sinceMs)
    return was
  }
}
