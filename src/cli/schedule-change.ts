import { UsageError } from './exit-codes.ts'
import { readChoice, readCount, readInstant, readTime } from './flags.ts'
import { quote } from './messages.ts'
import type { QueueCall, QueueTexts } from './queue-call.ts'
import { ruleInWords, type Schedule, sayMissing } from './schedule-look.ts'

interface PutTexts extends QueueTexts {
  cron?: string
  timeZone?: string
  every?: string
  at?: string
  data: string
  catchUp?: string
  attempts?: string
  priority?: string
  lifo?: true
  deadline?: string
}

const MOST_PRIORITY = 1_000_000_000

/** `sluice schedule put` */
export async function putSchedule(call: QueueCall, queue: string, name: string, texts: PutTexts) {
  const { attempts } = texts
  const options =
    attempts === undefined ? {} : { attempts: readCount('--attempts', attempts, 1, 999) }
  const schedule = await call.sluice
    .queue(queue, options)
    .schedule(name, readRule(texts), readData(texts.data), readOptions(texts))
  call.print(
    schedule,
    `${quote(name)} of ${quote(queue)}: ${ruleInWords(schedule)}, ${next(schedule)}`,
  )
  return 0
}

const next = ({ nextAtMs }: Schedule) => `next ${new Date(nextAtMs).toISOString()}`

/** Which may stand beside which is for the queue to say. */
function readRule({ cron, timeZone: tz, every, at }: PutTexts) {
  if (cron === undefined && every === undefined) {
    throw new UsageError("say when: --cron '0 3 * * *', or --every 10m")
  }
  return {
    ...(cron === undefined ? {} : { cron }),
    ...(tz === undefined ? {} : { tz }),
    ...(every === undefined ? {} : { every: readTime('--every', every) }),
    ...(at === undefined ? {} : { at: readInstant('--at', at) }),
  } as { cron: string; tz?: string } | { every: number; at?: Date }
}

function readData(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError(`--data must be JSON, such as '{"kind":"day"}', not ${quote(text)}`)
  }
}

function readOptions({ catchUp, priority, lifo, deadline }: PutTexts) {
  return {
    ...(catchUp === undefined
      ? {}
      : { catchUp: readChoice('--catch-up', catchUp, ['one', 'all', 'skip']) }),
    ...(priority === undefined
      ? {}
      : { priority: readCount('--priority', priority, -MOST_PRIORITY, MOST_PRIORITY) }),
    ...(lifo ? { lifo } : {}),
    ...(deadline === undefined ? {} : { deadline: readTime('--deadline', deadline) }),
  }
}

/** `sluice schedule remove` */
export async function removeSchedule(call: QueueCall, queue: string, name: string) {
  const isRemoved = await call.inspector.queue(queue).schedules.remove(name)
  if (!isRemoved) return sayMissing(call, queue, name)
  call.print({ queue, name, removed: true }, `${quote(name)} of ${quote(queue)} is removed`)
  return 0
}
