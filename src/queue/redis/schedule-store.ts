import { toUs } from '../../duration.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { TooManySchedulesError } from '../errors.ts'
import {
  MOST_READ,
  MOST_SCHEDULES,
  type ScheduleReading,
  type ScheduleStore,
  type ScheduleTerms,
  type StoredSchedule,
} from '../schedule-store.ts'
import { packSlotFrame } from './body.ts'
import { type QueueKeys, SCHEDULED } from './keys.ts'
import { lineOf } from './line.ts'
import * as scripts from './scripts.gen.ts'

/** Values that the script reads of each schedule. */
const VALUES_OF_ONE = 7

/** Schedules on Redis. The keys are described in `schedule.lua`. */
export function redisScheduleStore(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
  eventsKept: number,
): ScheduleStore {
  /** A call about one schedule: its tickets have a bucket of their own. */
  function placeOf(queue: string, name: string) {
    const known = keysOf(queue)
    const { keys, args, learn } = lineOf(known, SCHEDULED)
    return {
      keys: [...keys, known.schedules, known.schedule(name)],
      args: { ...args, name },
      learn,
    }
  }

  async function read(queue: string, names: string[]) {
    const known = keysOf(queue)
    const schedules = names.map((name) => known.schedule(name))
    const { nowUs, values } = await engine.call(scripts.readSchedules, { schedules }, {})
    const found = names.map((name, index) => {
      const start = index * VALUES_OF_ONE
      return scheduleOf(name, values.slice(start, start + VALUES_OF_ONE))
    })
    return { nowMs: Number(nowUs) / 1000, found }
  }

  return {
    async readSchedule(queue, name): Promise<ScheduleReading> {
      const { nowMs, found } = await read(queue, [name])
      return { nowMs, schedule: found[0] ?? null }
    },

    async listSchedules(queue, limit, after) {
      const from = after === null ? '-' : `(${after}`
      const { schedules } = keysOf(queue)
      const range = [schedules, from, '+', 'LIMIT', '0', String(limit)]
      const names = [await engine.command('ZRANGEBYLEX', ...range)].flat(2).map(String)
      const listed: StoredSchedule[] = []
      for (let start = 0; start < names.length; start += MOST_READ) {
        const { found } = await read(queue, names.slice(start, start + MOST_READ))
        listed.push(...found.filter((one) => one !== null))
      }
      return listed
    },

    async putSchedule({ queue, name, rule, terms, payload, slotMs }) {
      const { keys, args, learn } = placeOf(queue, name)
      const { maxAttempts, priority } = terms
      const answer = await engine.call(
        scripts.putSchedule,
        { keys },
        {
          ...args,
          ...packSlotFrame(name, { payload, maxAttempts, priority, delayMs: 0 }),
          rule,
          terms: JSON.stringify(terms),
          payload,
          slotUs: toUs(slotMs),
          most: MOST_SCHEDULES,
        },
      )
      if (answer.tag === 'full') throw new TooManySchedulesError(queue, name, MOST_SCHEDULES)
      learn(answer)
      const { slotUs, lastUs, emitted } = answer
      return {
        slotMs: slotUs / 1000,
        lastSlotMs: lastUs === null ? null : lastUs / 1000,
        emittedCount: emitted,
      }
    },

    async emitSlots({ queue, name, ticket, slotsMs, nextSlotMs }) {
      const { keys, args, learn } = placeOf(queue, name)
      const { events, watchers } = keysOf(queue)
      const slots = slotsMs.map((slotMs) => ({ slotUs: toUs(slotMs) }))
      const nextUs = nextSlotMs === null ? 0 : toUs(nextSlotMs)
      const answer = await engine.call(
        scripts.emitSlots,
        { keys: [...keys, events, watchers] },
        { ...args, ticket, nextUs, eventsKept, slots },
      )
      if (answer.tag === 'emitted') learn(answer)
      return answer.tag
    },

    async removeSchedule(queue, name) {
      const { keys, args } = placeOf(queue, name)
      return (await engine.call(scripts.removeSchedule, { keys }, args)).tag === 'removed'
    },
  }
}

function scheduleOf(name: string, values: string[]): StoredSchedule | null {
  const [rule = '', terms = '', payload = '', slotUs, ticket = '', lastUs, emitted] = values
  if (rule === '') return null
  return {
    ...{ name, rule, terms: JSON.parse(terms) as ScheduleTerms, payload, ticket },
    slotMs: Number(slotUs) / 1000,
    lastSlotMs: lastUs ? Number(lastUs) / 1000 : null,
    emittedCount: Number(emitted),
  }
}
