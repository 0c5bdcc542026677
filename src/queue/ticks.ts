import { isPassing } from '../gate/watchers.ts'
import { ACK, quiet, type Settlement } from './outbox.ts'
import { SCHEDULE_PREFIX } from './schedule-store.ts'
import { dueSlots, type StoredRule, slotsOf } from './slots.ts'
import type { QueueStore, StoredJob } from './store.ts'

export interface TickTerms {
  store: QueueStore
  queue: string
  /** How the delivery of a ticket ends. */
  tell: (id: string, settlement: Settlement) => void
  /** The slots of a schedule could not be worked out. */
  failed: (name: string, error: unknown) => void
}

/** When a ticket is tried again whose schedule the engine could not serve, and one that no retry helps soon. */
const AGAIN_MS = 1_000
const LATER_MS = 60_000

/** Opens the tickets of schedules that were claimed: emits the jobs that are due, and the next ticket. */
export class Ticks {
  private readonly terms: TickTerms
  private readonly underWay = new Set<Promise<void>>()

  constructor(terms: TickTerms) {
    this.terms = terms
  }

  get count(): number {
    return this.underWay.size
  }

  /** False: it is no ticket of a schedule. */
  begin({ id, name }: StoredJob): boolean {
    if (!name?.startsWith(SCHEDULE_PREFIX)) return false
    const tick = this.settle(id, name.slice(SCHEDULE_PREFIX.length)).finally(() =>
      this.underWay.delete(tick),
    )
    this.underWay.add(tick)
    return true
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    while (this.underWay.size > 0) await Promise.all(this.underWay)
  }

  private async settle(ticket: string, name: string): Promise<void> {
    const { queue, store, tell, failed } = this.terms
    try {
      tell(ticket, quiet(await emit(store, queue, name, ticket)))
    } catch (error) {
      if (!isPassing(error)) failed(name, error)
      tell(ticket, backIn(isPassing(error) ? AGAIN_MS : LATER_MS))
    }
  }
}

/** A ticket that does not count any more is told so by the engine, however late it comes. */
async function emit(
  store: QueueStore,
  queue: string,
  name: string,
  ticket: string,
): Promise<Settlement> {
  const { nowMs, schedule } = await store.readSchedule(queue, name)
  if (schedule?.ticket !== ticket) return ACK
  const { rule, terms, slotMs } = schedule
  if (slotMs > nowMs) return backIn(slotMs - nowMs)
  const slots = await slotsOf(JSON.parse(rule) as StoredRule, slotMs)
  const due = dueSlots(slots, { slotMs, catchUp: terms.catchUp }, nowMs)
  await store.emitSlots({ queue, name, ticket, ...due })
  return ACK
}

const backIn = (delayMs: number): Settlement => ({ tag: 'retry', delayMs, failed: false })
