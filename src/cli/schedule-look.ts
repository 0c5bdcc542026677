import type { QueueDesk } from '../inspect/index.ts'
import { printable } from '../text.ts'
import { EXIT } from './exit-codes.ts'
import { readCount } from './flags.ts'
import { quote } from './messages.ts'
import type { QueueCall, QueueTexts } from './queue-call.ts'
import { inText } from './queue-look.ts'
import { cut, tableOf } from './table.ts'

export type Schedule = NonNullable<Awaited<ReturnType<QueueDesk['schedules']['get']>>>

interface ScheduleListTexts extends QueueTexts {
  limit: string
  resume?: string
}

/** `sluice schedule list` */
export async function listSchedules(call: QueueCall, queue: string, texts: ScheduleListTexts) {
  const limit = readCount('--limit', texts.limit, 1, 1_000)
  const cursor = texts.resume ?? null
  const page = await call.inspector.queue(queue).schedules.list({ limit, cursor })
  if (call.isJson) for (const one of page.schedules) call.print(one, '')
  else if (page.schedules.length > 0) {
    const heading = ['schedule', 'rule', 'next', 'jobs so far']
    const rows = page.schedules.map((one) => [
      cut(printable(one.name), 40),
      ruleInWords(one),
      new Date(one.nextAtMs).toISOString(),
      String(one.emittedCount),
    ])
    for (const line of tableOf([heading, ...rows], call.columns, [3])) call.print({}, line)
  }
  if (page.schedules.length === 0) call.messages.say('empty', {}, `${quote(queue)} has no schedule`)
  if (page.cursor !== null) {
    const text = `there may be more: --resume ${quote(page.cursor)}`
    call.messages.say('more', { resume: page.cursor }, text)
  }
  return 0
}

/** `sluice schedule show` */
export async function showSchedule(call: QueueCall, queue: string, name: string) {
  const schedule = await call.inspector.queue(queue).schedules.get(name)
  if (schedule === null) return sayMissing(call, queue, name)
  call.print(schedule, `${quote(name)} of ${quote(queue)}: ${ruleInWords(schedule)}`)
  if (call.isJson) return 0
  for (const line of tableOf(linesOf(schedule), Number.POSITIVE_INFINITY)) call.print({}, line)
  return 0
}

function linesOf(schedule: Schedule): string[][] {
  const { data, catchUp, priority, lifo, deadlineMs, nextAtMs, lastAtMs, emittedCount } = schedule
  const at = (ms: number) => new Date(ms).toISOString()
  const lines: [string, string | undefined][] = [
    ['data', inText(data)],
    ['next', at(nextAtMs)],
    ['last', lastAtMs === null ? undefined : at(lastAtMs)],
    ['jobs so far', String(emittedCount)],
    ['catch up', catchUp],
    ['priority', priority === 0 ? undefined : String(priority)],
    ['lifo', lifo ? 'yes' : undefined],
    ['deadline', deadlineMs === null ? undefined : `${deadlineMs} ms`],
  ]
  return lines.flatMap(([label, text]) => (text === undefined ? [] : [[`  ${label}`, text]]))
}

/** A rule on one line, that cannot act on a terminal. */
export function ruleInWords({ rule }: Schedule): string {
  if ('cron' in rule) return printable(`${rule.cron} (${rule.tz})`)
  return `every ${rule.everyMs} ms`
}

/** Exit code and message for a schedule that is not there. */
export function sayMissing({ messages }: QueueCall, queue: string, name: string): number {
  const text = `queue ${quote(queue)} has no schedule ${quote(name)}, or not any more`
  messages.alarm('missing', { queue, name }, text)
  return EXIT.no
}
