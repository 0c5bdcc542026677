import { toUs } from '../../duration.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import type { News } from '../../gate/redis/news.ts'
import { QueueFullError } from '../errors.ts'
import { CRASHED, historyOf, noteText } from '../history.ts'
import {
  type CloseVerdict,
  type Closing,
  type EndedState,
  LEAST_DEAD_MS,
  MOST_LINES,
  MOST_WATCHERS,
  type Opening,
  type RecordEnd,
  type RecordState,
  type RecordStore,
} from '../record-store.ts'
import { addNamedCall } from './adds.ts'
import { ID_LENGTH, priorityText, splitHistory } from './body.ts'
import { dueText } from './due.ts'
import type { QueueKeys } from './keys.ts'
import { lineOf, toldLineOf } from './line.ts'
import type { RetainedArgs } from './retained.ts'
import * as scripts from './scripts.gen.ts'

/** Records on Redis. The keys are described in `record.lua` and `tickets.lua`. */
export function redisRecordStore(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
  news: News,
  eventsKept: number,
  retained: RetainedArgs,
): RecordStore {
  return {
    async addNamed(request) {
      const known = keysOf(request.queue)
      const { keys, args, learn } = addNamedCall(known, request, eventsKept)
      const answer = await engine.call(scripts.addNamed, keys, args)
      if (answer.tag === 'stale') return []
      if (answer.tag === 'full') throw new QueueFullError(request.queue, request, answer)
      learn(answer)
      return request.jobs.map((_, index) => {
        const text = answer.answers.slice(index * ANSWER_LENGTH, (index + 1) * ANSWER_LENGTH)
        return { number: text.slice(0, ID_LENGTH), isNew: text[ID_LENGTH] === '1' }
      })
    },

    async openRecords({ queue, fence, tickets, keptFailures }) {
      const known = keysOf(queue)
      const records = tickets.map(({ name }) => known.record(name))
      const args = { fence, tickets, crashNote: crashNote(keptFailures) }
      const { openings } = await engine.call(scripts.openRecords, { records }, args)
      return openings.map(readOpening)
    },

    async closeRecords({ queue, rememberMs, closings }) {
      const known = keysOf(queue)
      const { keys, args, learn } = toldLineOf(known)
      const named = closings.flatMap(({ name }) => [known.record(name), known.log(name)])
      const answer = await engine.call(
        scripts.closeRecords,
        { keys: [...keys, known.done, ...named] },
        {
          ...args,
          ...retained,
          eventsKept,
          rememberUs: toUs(rememberMs),
          deadUs: toUs(Math.max(rememberMs, LEAST_DEAD_MS)),
          closings: closings.map(closingText),
        },
      )
      learn(answer)
      return [...answer.verdicts].map((letter) => VERDICTS[letter] ?? 'stale')
    },

    async noteRecord(queue, { name, fence }, note) {
      const { record, log } = keysOf(queue)
      const isLine = 'line' in note
      const [kind, text] = isLine ? ['line', note.line] : ['progress', note.progress]
      const args = { fence, kind, text, mostLines: MOST_LINES }
      const keys = { record: record(name), log: log(name) }
      return (await engine.call(scripts.noteRecord, keys, args)).tag === 'noted'
    },

    async findCancelling(queue, running) {
      const known = keysOf(queue)
      const records = running.map(({ name }) => known.record(name))
      const answer = await engine.call(scripts.findCancelling, { records }, { fences: running })
      const found = new Set(answer.places)
      return running.filter((_, index) => found.has(index)).map(({ name }) => name)
    },

    async readRecord(queue, name) {
      const { record, log } = keysOf(queue)
      const keys = { record: record(name), log: log(name) }
      const answer = await engine.call(scripts.readRecord, keys, {})
      if (answer.tag === 'unknown') return null
      const { number, ticket, attempt, dueUs, lines } = answer
      const [payload, progress, endedNumber, endedAs, endedUs, result, reason, history, gate] =
        answer.values.map(said)
      return {
        ...endOf(answer, [endedNumber, endedAs, result, reason]),
        ticket,
        payload: payload ?? '',
        attempt,
        progress: progress ?? null,
        lines,
        ...historyOf(history),
        addedAtMs: Number(number) / 1000,
        dueAtMs: answer.state === 'waiting' && dueUs > 0 ? dueUs / 1000 : null,
        gate: gate ?? null,
        endedAtMs: endedUs ? Number(endedUs) / 1000 : null,
      }
    },

    async watchRecord(queue, name) {
      engine.inbox.start()
      const keys = { record: keysOf(queue).record(name) }
      const answer = await engine.call(scripts.watchRecord, keys, { mostWatchers: MOST_WATCHERS })
      return answer.tag === 'unknown' ? null : endOf(answer, answer.values.map(said))
    },

    onRecordNews: (queue, name, listener) => news.on(keysOf(queue).record(name), listener),

    async cancelRecord(queue, name, rememberMs) {
      const { meta, record, log, events, watchers } = keysOf(queue)
      const keys = { meta, record: record(name), log: log(name), events, watchers }
      const { tag } = await engine.call(scripts.cancelRecord, keys, {
        ...{ rememberUs: toUs(rememberMs), eventsKept, name },
      })
      return tag === 'unknown' ? null : tag
    },

    async changeRecord(queue, name, when, priority) {
      const known = keysOf(queue)
      const { keys, args, learn } = lineOf(known)
      const answer = await engine.call(
        scripts.changeRecord,
        { keys: [...keys, known.record(name)] },
        { ...args, name, due: when ? dueText(when) : 'keep', rank: rankText(priority) },
      )
      if (answer.tag === 'changed') learn(answer)
      return answer.tag === 'unknown' ? null : answer.tag
    },
  }
}

/** The number of a job, and whether it is new. */
const ANSWER_LENGTH = ID_LENGTH + 1

const VERDICTS: Record<string, CloseVerdict> = { C: 'closed', S: 'stale', X: 'cancelled' }

const rankText = (priority: number | undefined) =>
  priority === undefined ? 'keep' : priority === 0 ? '' : priorityText(priority)

/** What scripts are told of crashes: nothing where nothing is kept of them. */
export const crashNote = (keep = 0) =>
  keep === 0 ? '' : noteText({ keep, kind: 'crashed', reason: CRASHED })

/** What a ticket is to be done with, as the scripts that open them say it. */
export function readOpening(text: string): Opening {
  const rest = text.slice(1)
  switch (text[0]) {
    case 'R':
      return { tag: 'run', payload: rest }
    case 'O':
      return { tag: 'overdue', payload: rest }
    case 'r':
      return { tag: 'run', ...withHistory(rest) }
    case 'o':
      return { tag: 'overdue', ...withHistory(rest) }
    case 'L':
      return { tag: 'later', delayMs: Number(rest) / 1000 }
    case 'C':
      return { tag: 'cancelled' }
    case 'B':
    case 'b': {
      const bytes = Buffer.from(rest)
      const end = 4 + Number(rest.slice(0, 4))
      const payload = bytes.toString('utf8', end)
      const reason = bytes.toString('utf8', 4, end)
      return { tag: 'bury', reason, ...(text[0] === 'b' ? withHistory(payload) : { payload }) }
    }
    default:
      return { tag: 'drop' }
  }
}

function withHistory(text: string) {
  const [lines, payload] = splitHistory(text)
  return { payload, ...historyOf(lines) }
}

function closingText({ name, fence, outcome }: Closing) {
  return {
    name,
    fence,
    outcome: outcome.tag,
    delayUs: 'delayMs' in outcome ? toUs(outcome.delayMs) : 0,
    result:
      outcome.tag === 'done'
        ? (outcome.result ?? '')
        : 'note' in outcome && outcome.note
          ? noteText(outcome.note)
          : '',
    reason: reasonOf(outcome),
  }
}

/** What scripts answer of a field: nothing, or `=` and its text. */
const said = (value: string) => (value === '' ? undefined : value.slice(1))

function endOf(
  { state, number }: { state: string; number: string },
  [endedNumber, endedAs, result, reason]: (string | undefined)[],
): RecordEnd {
  const how = { result: result ?? null, reason: reason ?? null }
  const ended =
    endedNumber === undefined ? null : { number: endedNumber, state: endedAs as EndedState, ...how }
  return { state: state as RecordState, number, ended }
}

/** Of what goes back: the gate behind which it is. */
function reasonOf(outcome: Closing['outcome']): string {
  if (outcome.tag === 'back') return outcome.gate ?? ''
  return 'reason' in outcome ? (outcome.reason ?? '') : ''
}
