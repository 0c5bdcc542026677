import { toUs } from '../../duration.ts'
import { packHistory, unpackHistory } from '../history.ts'
import type { ScheduleSlot } from '../schedule-store.ts'
import type { NewJob, StoredJob } from '../store.ts'

/**
 * A job travels as one text: a header of 28 ASCII characters, what its flags announce, its gates, its
 * payload. Scripts patch the header by position, `redis-cli` shows it, and a waiting job needs no key
 * of its own.
 *
 *   1-16   id: the server's microseconds when it was added, moved up to be unique
 *   17     format, `1`
 *   18     flags, hexadecimal: 1 a ticket, whose payload is the name of a record; 2 a deadline follows, in µs of 16 digits; 4 a priority, in 11
 *          characters; 8 `lifo`
 *   19-21  failed attempts
 *   22-24  attempts allowed
 *   25     crashes
 *   26     1 a ticket whose payload is a key; 2 a key and a line feed stand in front of the payload; 3 the slot of a
 *          schedule does: 16 digits of µs, three for the length of its name, and the name; else `0`. 4 more: in
 *          front of all that stand its failed attempts, as `history.lua` says
 *   27-28  length of the gates in front of the payload, hexadecimal
 */
export const ID_LENGTH = 16
const HEADER_LENGTH = 28
const FORMAT = '1'
const IS_TICKET = 1
const HAS_DEADLINE = 2
const HAS_PRIORITY = 4
const IS_LIFO = 8
/** What a body is labelled with. */
const NO_LABEL = '0'
const IS_KEY = '1'
const KEY_FOLLOWS = '2'
const SLOT_FOLLOWS = '3'
const HISTORY_FOLLOWS = 4
const HISTORY_END = '\n\n'
const DEADLINE_LENGTH = 16
const PRIORITY_LENGTH = 11
/** Of what stands in front of the name of a schedule: its slot, and the length of that name. */
const [SLOT_LENGTH, NAME_LENGTH] = [16, 3]

/** A new job's body without its id: the add script puts that in front. */
export function packNewJob(job: NewJob): string {
  const { maxAttempts, payload } = job
  const flags = flagsOf(job)
  if (maxAttempts !== newHeader.maxAttempts || flags !== newHeader.flags) {
    newHeader = headerOf(maxAttempts, flags)
  }
  return flags === 0 ? newHeader.text + payload : newHeader.text + flagged(job, flags) + payload
}

/**
 * What stands in front of the name, or the key, in a ticket: all of a body but the id and the payload. Its record
 * has the deadline.
 */
export function packTicketHeader(
  { deadlineMs: _, deadlineAtMs: __, ...job }: NewJob,
  of: 'record' | 'strand',
): string {
  const header = packNewJob({ ...job, payload: '' })
  const flags = Number.parseInt(header.slice(1, 2), 16) | IS_TICKET
  const label = of === 'strand' ? IS_KEY : NO_LABEL
  return header.slice(0, 1) + flags.toString(16) + header.slice(2, 9) + label + header.slice(10)
}

/** What stands in front of the slot in a body of a schedule, all but the id; and behind it, all but the payload. */
export function packSlotFrame(name: string, job: NewJob): { header: string; label: string } {
  const header = packNewJob({ ...job, payload: '' })
  return {
    header: header.slice(0, 9) + SLOT_FOLLOWS + header.slice(10),
    label: String(name.length).padStart(NAME_LENGTH, '0') + name,
  }
}

/** Whether the add script has to look at how the job wants to be treated. */
export const hasFlags = (job: NewJob) => flagsOf(job) !== 0

const flagsOf = ({ priority, lifo, deadlineMs, deadlineAtMs }: NewJob) =>
  (deadlineMs === undefined && deadlineAtMs === undefined ? 0 : HAS_DEADLINE) |
  (priority ? HAS_PRIORITY : 0) |
  (lifo ? IS_LIFO : 0)

/** What the flags announce. */
const flagged = (job: NewJob, flags: number) =>
  (flags & HAS_DEADLINE ? deadlineText(job) : '') +
  (flags & HAS_PRIORITY ? priorityText(job.priority ?? 0) : '')

/** The script turns what is from now on into an instant. */
const deadlineText = ({ deadlineMs = 0, deadlineAtMs }: NewJob) =>
  deadlineAtMs === undefined
    ? `+${String(toUs(deadlineMs)).padStart(DEADLINE_LENGTH - 1, '0')}`
    : String(toUs(deadlineAtMs)).padStart(DEADLINE_LENGTH, '0')

export const priorityText = (priority: number) =>
  (priority < 0 ? '-' : '+') + String(Math.abs(priority)).padStart(PRIORITY_LENGTH - 1, '0')

const headerOf = (maxAttempts: number, flags: number) => ({
  maxAttempts,
  flags,
  text: `${FORMAT}${flags.toString(16)}000${String(maxAttempts).padStart(3, '0')}0000`,
})

/** Most jobs of a queue have the same as the one before. */
let newHeader = headerOf(3, 0)

/** Null for a text that no version of this format wrote. */
export function unpackJob(body: string): StoredJob | null {
  if (!/^\d{16}1[\da-f]\d{8}[\da-f]{2}/.test(body)) return null
  const text = body.slice(ID_LENGTH, HEADER_LENGTH)
  if (text !== lastHeader.text) lastHeader = readHeader(text)
  const { attempt, maxAttempts, crashes, payloadAt, isTicket, label } = lastHeader
  const payload = body.slice(payloadAt)
  const id = body.slice(0, ID_LENGTH)
  // Nearly all. Spread, such an object costs more than all the rest of a job.
  if (label === NO_LABEL) {
    const [name, own] = isTicket ? [payload, ''] : [null, payload]
    return { id, attempt, maxAttempts, crashes, payload: own, name }
  }
  const job = { id, attempt, maxAttempts, crashes }
  if (Number(label) < HISTORY_FOLLOWS) return { ...job, ...splitLabel(label, payload) }
  const [lines, rest] = splitHistory(payload)
  const own = splitLabel(String(Number(label) - HISTORY_FOLLOWS), rest)
  return { ...job, ...own, history: unpackHistory(lines) }
}

/** What stands in front of a payload, as scripts tell it: lines, and the rest. */
export function splitHistory(text: string): [lines: string, rest: string] {
  const end = text.indexOf(HISTORY_END)
  return [text.slice(0, end + 1), text.slice(end + HISTORY_END.length)]
}

/** The payload of a ticket that is dead, with its label in front. */
export function packDead(payload: string, history: StoredJob['history']): string {
  if (!history || history.length === 0) return NO_LABEL + payload
  return `${HISTORY_FOLLOWS}${packHistory(history)}\n${payload}`
}

function splitLabel(label: string | undefined, payload: string) {
  if (label === NO_LABEL) return { payload, name: null }
  if (label === IS_KEY) return { payload: '', name: null, key: payload }
  if (label === KEY_FOLLOWS) {
    const end = payload.indexOf('\n')
    return { payload: payload.slice(end + 1), name: null, key: payload.slice(0, end) }
  }
  return { name: null, ...splitSlot(payload) }
}

function splitSlot(text: string): { schedule: ScheduleSlot; payload: string } {
  const nameAt = SLOT_LENGTH + NAME_LENGTH
  const end = nameAt + Number(text.slice(SLOT_LENGTH, nameAt))
  const slotAtMs = Number(text.slice(0, SLOT_LENGTH)) / 1000
  return { schedule: { name: text.slice(nameAt, end), slotAtMs }, payload: text.slice(end) }
}

/** All but the id. Most jobs of a queue have the same, so it is read once. */
function readHeader(text: string) {
  const flags = Number.parseInt(text[1] ?? '0', 16)
  const gateLength = Number.parseInt(text.slice(10), 16)
  return {
    text,
    isTicket: (flags & IS_TICKET) !== 0,
    label: text[9],
    attempt: Number(text.slice(2, 5)),
    maxAttempts: Number(text.slice(5, 8)),
    crashes: Number(text[8]),
    payloadAt:
      HEADER_LENGTH +
      (flags & HAS_DEADLINE ? DEADLINE_LENGTH : 0) +
      (flags & HAS_PRIORITY ? PRIORITY_LENGTH : 0) +
      gateLength,
  }
}

let lastHeader = readHeader('100000300000')
