/** What may be in trouble: a connection, or what a server does not do for anyone. */
interface Patient {
  readonly label: string
}

export interface HealthEvents {
  onUnavailable(patient: Patient, cause: Error): void
  /** `afterMs` since the trouble began. */
  onAvailable(afterMs: number): void
}

/** Who is in trouble. The engine is available while nobody is. */
export class Health {
  private readonly troubled = new Set<Patient>()
  private readonly events: HealthEvents
  private sinceMs = 0

  constructor(events: HealthEvents) {
    this.events = events
  }

  get available(): boolean {
    return this.troubled.size === 0
  }

  trouble(patient: Patient, cause: Error): void {
    if (this.available) {
      this.sinceMs = performance.now()
      this.events.onUnavailable(patient, cause)
    }
    this.troubled.add(patient)
  }

  /** Returns whether it was in trouble. */
  fine(patient: Patient): boolean {
    const was = this.troubled.delete(patient)
    if (was && this.available) this.events.onAvailable(performance.now() - this.sinceMs)
    return was
  }
}
