import { toUs } from '../duration.ts'
import { type CatchUp, MOST_SLOTS } from './schedule-store.ts'

/** A rule as it is kept: two are the same if their JSON is. */
export type StoredRule = { cron: string; tz: string } | { everyMs: number; atMs: number | null }

/** The slots of a rule, in epoch milliseconds. */
export interface Slots {
  /** The first one behind an instant; null if there is none. */
  after(ms: number): number | null
  /** The last one up to an instant; null if there is none. */
  upTo(ms: number): number | null
}

/** A slot that is this old when its ticket comes up was missed, also if there is no later one yet. */
export const LATE_MS = 60_000

/** `knownMs` is any slot of a rule with `every`. @throws {TypeError} and others of croner, for a wrong pattern */
export async function slotsOf(rule: StoredRule, knownMs: number): Promise<Slots> {
  return 'cron' in rule ? cronSlots(rule) : evenSlots(toUs(knownMs), toUs(rule.everyMs))
}

async function cronSlots({ cron, tz }: { cron: string; tz: string }): Promise<Slots> {
  const { Cron } = await import('croner')
  const times = new Cron(cron, { timezone: tz, paused: true })
  return {
    after: (ms) => times.nextRun(new Date(ms))?.getTime() ?? null,
    // It tells those before an instant, and slots are whole seconds.
    upTo: (ms) => {
      const [last] = times.previousRuns(1, new Date(Math.floor(ms / 1000) * 1000 + 1000))
      return last?.getTime() ?? null
    },
  }
}

/** In whole microseconds: sums of fractions would not meet the same slots again. */
function evenSlots(knownUs: number, everyUs: number): Slots {
  const nth = (n: number) => (knownUs + n * everyUs) / 1000
  const numberOf = (ms: number) => Math.floor((toUs(ms) - knownUs) / everyUs)
  return { after: (ms) => nth(numberOf(ms) + 1), upTo: (ms) => nth(numberOf(ms)) }
}

/** Of a schedule that is new, or has a new rule; null if its rule has none. */
export async function firstSlot(rule: StoredRule, nowMs: number): Promise<number | null> {
  if ('cron' in rule) return (await cronSlots(rule)).after(nowMs)
  const { everyMs, atMs } = rule
  if (atMs === null) return nowMs + everyMs
  // "Now" on the clock of who asks is a moment ago here, or there.
  if (atMs >= nowMs - LATE_MS) return atMs
  return evenSlots(toUs(atMs), toUs(everyMs)).after(nowMs)
}

/** Of which slots there is to be a job now, and the slot after that. `slotMs` is the first that is due. */
export function dueSlots(
  slots: Slots,
  { slotMs, catchUp }: { slotMs: number; catchUp: CatchUp },
  nowMs: number,
): { slotsMs: number[]; nextSlotMs: number | null } {
  if (catchUp === 'all') return allDue(slots, slotMs, nowMs)
  const newestMs = Math.max(slotMs, slots.upTo(nowMs) ?? slotMs)
  const isMissed = catchUp === 'skip' && nowMs - newestMs > LATE_MS
  return { slotsMs: isMissed ? [] : [newestMs], nextSlotMs: slots.after(newestMs) }
}

function allDue(slots: Slots, slotMs: number, nowMs: number) {
  const slotsMs: number[] = []
  let nextSlotMs: number | null = slotMs
  while (nextSlotMs !== null && nextSlotMs <= nowMs && slotsMs.length < MOST_SLOTS) {
    slotsMs.push(nextSlotMs)
    nextSlotMs = slots.after(nextSlotMs)
  }
  return { slotsMs, nextSlotMs }
}
