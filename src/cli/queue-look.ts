import type { FailedAttempt, JobEntry, JobView, QueueDesk } from '../inspect/index.ts'
import { printable } from '../text.ts'
import type { Call } from './call.ts'
import { EXIT, UsageError } from './exit-codes.ts'
import { readChoice, readCount } from './flags.ts'
import { quote } from './messages.ts'
import type { QueueCall, QueueTexts } from './queue-call.ts'
import { cut, tableOf } from './table.ts'

const STATES = ['ready', 'timed', 'parked', 'inFlight', 'dead', 'done'] as const
type State = (typeof STATES)[number]

/** Jobs that are asked for at one time. */
const JOBS_IN_A_PAGE = 100

/** `sluice queue list` */
export async function listQueues({ inspector, isJson, print, messages, columns }: QueueCall) {
  const { rows, more } = await inspector.queues()
  if (isJson) for (const row of rows) print(row, '')
  else if (rows.length > 0) {
    const heading = ['queue', 'ready', 'timed', 'parked', 'in flight', 'dead', '']
    const cells = rows.map((row) => {
      const { ready, timed, parked = 0, inFlight, dead, paused } = row
      const counts = [ready, timed, parked, inFlight, dead].map(String)
      return [cut(printable(row.name), 40), ...counts, paused ? 'paused' : '']
    })
    for (const line of tableOf([heading, ...cells], columns, [1, 2, 3, 4, 5])) print({}, line)
  }
  if (rows.length === 0) messages.say('empty', {}, 'no queue holds anything')
  if (more) messages.say('more', {}, `there are more than these ${rows.length}`)
  return 0
}

interface ListTexts extends QueueTexts {
  limit: string
  resume?: string
}

interface ShowTexts extends ListTexts {
  state?: string
}

/** `sluice queue show` */
export async function showQueue(call: QueueCall, name: string, texts: ShowTexts) {
  const queue = call.inspector.queue(name)
  const { state } = texts
  const limit = readLimit(texts)
  if (state !== undefined) {
    return listJobs(call, queue, readChoice('--state', state, STATES), limit, texts.resume)
  }
  if (texts.resume !== undefined) throw new UsageError('--resume goes on with one --state')
  const counts = await queue.counts()
  const { ready, timed, parked = 0, inFlight, dead, paused } = counts
  const inWords = `${ready} ready, ${timed} timed, ${parked} parked, ${inFlight} in flight, ${dead} dead`
  call.print({ name, ...counts }, `${quote(name)}: ${inWords}${paused ? ', paused' : ''}`)
  for (const one of STATES) {
    // Nobody counts those that are done.
    const hasSome = one === 'done' || (counts[one] ?? 0) > 0
    if (hasSome) await listJobs(call, queue, one, limit, null, `${one}:`)
  }
  return 0
}

/** `sluice dead list` */
export async function listDead(call: QueueCall, name: string, texts: ListTexts) {
  return listJobs(call, call.inspector.queue(name), 'dead', readLimit(texts), texts.resume)
}

const readLimit = ({ limit }: ListTexts) => readCount('--limit', limit, 1, 1e9)

/** Jobs of a state, as many as are wanted, and how to go on. */
async function listJobs(
  call: Call,
  queue: QueueDesk,
  state: State,
  limit: number,
  resume: string | null = null,
  heading: string | null = null,
) {
  let cursor = resume
  let left = limit
  do {
    const page = await queue.list({ state, limit: Math.min(left, JOBS_IN_A_PAGE), cursor })
    const isFirst = left === limit && page.jobs.length > 0
    if (isFirst && heading !== null && !call.isJson) call.print({}, heading)
    printJobs(call, state, page.jobs)
    left -= page.jobs.length
    cursor = page.cursor
  } while (cursor !== null && left > 0)
  if (cursor !== null) {
    const text = `more ${state} ones: --state ${state} --resume ${cursor}`
    call.messages.say('more', { state, resume: cursor }, text)
  }
  return 0
}

function printJobs({ isJson, print, columns }: Call, state: State, jobs: JobEntry<unknown>[]) {
  if (isJson) {
    for (const job of jobs) print({ state, ...job }, '')
    return
  }
  const rows = jobs.map(({ id, data, attempts, dueAt, gate, reason, diedAt, doneAt, result }) => [
    `  ${printable(id)}`,
    [
      ...(attempts === 0 ? [] : [`${attempts} failed`]),
      ...(dueAt === undefined ? [] : [`due ${dueAt.toISOString()}`]),
      ...(gate === undefined ? [] : [`waits for ${printable(gate)}`]),
      ...(diedAt === undefined ? [] : [`died ${diedAt.toISOString()}`]),
      ...(reason === undefined ? [] : [quote(reason)]),
      ...(doneAt === undefined ? [] : [`done ${doneAt.toISOString()}`]),
      ...(result === undefined ? [] : [`result ${inText(result)}`]),
    ].join(', '),
    inText(data),
  ])
  for (const [index, line] of tableOf(rows, columns).entries()) {
    print({}, line)
    for (const failure of jobs[index]?.history ?? []) {
      print({}, cut(`    ${failureLine(failure)}`, columns))
    }
  }
}

const failureLine = ({ attempt, kind, reason, atMs }: FailedAttempt) =>
  `attempt ${attempt}, ${kind} ${new Date(atMs).toISOString()}: ${quote(reason)}`

/** `sluice job show` */
export async function showJob(call: QueueCall, name: string, id: string) {
  const job = await call.inspector.queue(name).get(id)
  if (job === null) return sayMissing(call, name, id)
  call.print(job, `${quote(id)} of ${quote(name)} is ${job.state}`)
  if (call.isJson) return 0
  for (const line of tableOf(linesOf(job), Number.POSITIVE_INFINITY)) call.print({}, line)
  return 0
}

/** `sluice job why` */
export async function showWhy(call: QueueCall, name: string, id: string) {
  const why = await call.inspector.queue(name).why(id)
  if (why === null) return sayMissing(call, name, id)
  // What is in the way is named by others.
  call.print(
    { queue: name, id, ...why },
    `${quote(id)} of ${quote(name)} is ${printable(why.text)}`,
  )
  return 0
}

function linesOf(job: JobView): string[][] {
  const at = (ms: number | null) => (ms === null ? undefined : new Date(ms).toISOString())
  const lines: [string, string | undefined][] = [
    ['data', inText(job.data)],
    ['attempts', job.attempts === 0 ? undefined : `${job.attempts} failed`],
    ['progress', job.progress === undefined ? undefined : inText(job.progress)],
    ['result', job.result === undefined ? undefined : inText(job.result)],
    ['reason', job.reason === null ? undefined : printable(job.reason)],
    ['added', at(job.addedAtMs)],
    ['due', at(job.dueAtMs)],
    ['ended', at(job.endedAtMs)],
    ...job.history.map((failure, index): [string, string] => [
      index === 0 ? 'history' : '',
      failureLine(failure),
    ]),
    ...job.log.map((line, index): [string, string] => [index === 0 ? 'log' : '', printable(line)]),
  ]
  return lines.flatMap(([name, text]) => (text === undefined ? [] : [[`  ${name}`, text]]))
}

/** Exit code and message for an id that is not there. */
export function sayMissing({ messages }: Call, queue: string, id: string): number {
  const text = `queue ${quote(queue)} has no job ${quote(id)}, or not any more`
  messages.alarm('missing', { queue, id }, text)
  return EXIT.no
}

/** A payload on one line, that cannot act on a terminal. */
export const inText = (data: unknown) =>
  data === undefined ? '(not JSON)' : printable(JSON.stringify(data))
