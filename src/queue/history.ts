/** What ended an attempt: what its handler threw or said, its `timeout`, or a crash of its worker. */
export type FailureKind = 'failed' | 'timeout' | 'crashed'

/** An attempt of a job that failed. */
export interface FailedAttempt {
  /** 1 for the first one. A crash is no attempt: it has the number of the one that it ended. */
  attempt: number
  kind: FailureKind
  /** Name and message of the error on one line, cut at 256 bytes. */
  reason: string
  /** When the engine was told, in epoch milliseconds on its clock. */
  atMs: number
}

/** What a store keeps of an attempt that failed, beside the `keep - 1` before it. */
export interface FailureNote {
  keep: number
  kind: FailureKind
  reason: string
}

/** Failed attempts that a job can remember. */
export const MOST_REMEMBERED_FAILURES = 20
const LONGEST_NOTE_BYTES = 256

/** What a store says of a crash. */
export const CRASHED = 'its worker crashed while it ran alone under suspicion'

const LETTERS: Record<FailureKind, string> = { failed: 'F', timeout: 'T', crashed: 'C' }
const KINDS: Record<string, FailureKind> = { F: 'failed', T: 'timeout', C: 'crashed' }

/** Nothing where nothing is to be kept. */
export const noteOf = (
  keep: number,
  kind: FailureKind,
  reason: string,
): { note?: FailureNote | undefined } => (keep === 0 ? {} : { note: { keep, kind, reason } })

/** A note as stores write it: how many lines are kept, in two digits, the letter of its kind, and the reason. */
export const noteText = ({ keep, kind, reason }: FailureNote): string =>
  String(keep).padStart(2, '0') + LETTERS[kind] + inOneLine(reason)

/** The lines of a job, with that of a note: the last ones that are to be kept. */
export function withNote(
  lines: string | null,
  note: FailureNote,
  attempt: number,
  atUs: number,
): string {
  const number = String(Math.min(attempt, 999)).padStart(3, '0')
  const line = LETTERS[note.kind] + number + String(atUs).padStart(16, '0') + inOneLine(note.reason)
  return [...linesOf(lines ?? ''), line]
    .slice(-note.keep)
    .map((one) => `${one}\n`)
    .join('')
}

/** Failed attempts as stores write them: a line for each, which is its letter, the attempt, when in µs, and the reason. */
export const packHistory = (history: readonly FailedAttempt[]): string =>
  history.reduce(
    (lines, { attempt, kind, reason, atMs }) =>
      withNote(lines, { keep: MOST_REMEMBERED_FAILURES, kind, reason }, attempt, atMs * 1000),
    '',
  )

export const unpackHistory = (lines: string): FailedAttempt[] =>
  linesOf(lines).map((line) => ({
    attempt: Number(line.slice(1, 4)),
    kind: KINDS[line.slice(0, 1)] ?? 'failed',
    reason: line.slice(20),
    atMs: Number(line.slice(4, 20)) / 1000,
  }))

/** Of a job that has none: nothing. */
export const historyOf = (
  lines: string | null | undefined,
): { history?: FailedAttempt[] | undefined } => (lines ? { history: unpackHistory(lines) } : {})

const linesOf = (lines: string) => lines.split('\n').filter((line) => line !== '')

/** What ends lines anywhere would end them here. */
function inOneLine(reason: string): string {
  return cutBytes(reason.replace(/[\p{Cc}\u2028\u2029]+/gu, ' '), LONGEST_NOTE_BYTES)
}

/** At most so many bytes of a text. */
export function cutBytes(text: string, most: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= most) return bytes.toString()
  let end = most
  // Not within a character.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}
