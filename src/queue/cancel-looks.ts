import type { Clock, Timer } from '../clock.ts'
import type { Ticket } from './close-tickets.ts'

interface Terms {
  clock: Clock
  everyMs: number
  /** Those whose jobs run here. */
  tickets: ReadonlyMap<string, Ticket>
  /** Answers the names of those that are to be cancelled. */
  ask: (running: Ticket[]) => Promise<string[]>
  onCancelled: (id: string, name: string) => void
}

/** Asks for all tickets at once which of their jobs are to be cancelled, for as long as there are some. */
export class CancelLooks {
  private readonly terms: Terms
  private timer: Timer | null = null
  private stopped = false

  constructor(terms: Terms) {
    this.terms = terms
  }

  /** There is one. */
  arm(): void {
    const { clock, everyMs } = this.terms
    this.timer ??= clock.after(everyMs, () => void this.look())
  }

  stop(): void {
    this.stopped = true
    this.timer?.cancel()
  }

  private async look(): Promise<void> {
    const { tickets, ask, onCancelled } = this.terms
    const running = [...tickets.values()].filter(
      ({ key, isCancelled }) => key === null && !isCancelled,
    )
    // What fails is asked again with the next look.
    const names = running.length === 0 ? [] : await ask(running).catch(() => [])
    const found = running.filter(({ name, number }) => names.includes(name) && tickets.has(number))
    for (const ticket of found) {
      ticket.isCancelled = true
      onCancelled(ticket.number, ticket.name)
    }
    this.timer = null
    if (tickets.size > 0 && !this.stopped) this.arm()
  }
}
