import { LockTimeoutError } from '../errors.ts'
import type { Door, Held } from './door.ts'
import { ageInWords, type Messages, ownerInWords, quote } from './messages.ts'

/** Between two reminders of what is waited for: logs that stay silent are taken for hung. */
const REMIND_EVERY_MS = 60_000

export interface WaitTerms {
  waitMs: number
  signal: AbortSignal
  messages: Messages
}

/** Tries at once, tells who is in the way, and stands in line. @throws {LockTimeoutError} */
export async function acquire(door: Door, terms: WaitTerms): Promise<Held> {
  const { waitMs, signal } = terms
  try {
    return await door.acquire({ wait: 0, signal })
  } catch (error) {
    if (!(error instanceof LockTimeoutError) || waitMs === 0) throw error
    tellConflict(door.name, error, terms.messages)
  }
  const reminder = setInterval(() => void remind(door, terms), REMIND_EVERY_MS)
  try {
    return await door.acquire({ wait: waitMs, signal })
  } finally {
    clearInterval(reminder)
  }
}

function tellConflict(name: string, conflict: LockTimeoutError, messages: Messages): void {
  const { holder, position } = conflict
  const sinceMs = conflict.since?.getTime() ?? null
  const ahead = position > 0 ? `${position} ahead of you` : ''
  messages.say(
    'waiting',
    { name, holder, sinceMs, ahead: position },
    `waiting for ${quote(name)}${after(':', heldBy(holder, sinceMs), ahead)}`,
  )
}

async function remind(door: Door, { messages }: WaitTerms): Promise<void> {
  const view = await door.inspect().catch(() => undefined)
  if (view === undefined) return
  const { name } = door
  const { owner = null, sinceMs = null } = view.holder ?? {}
  const { inLine } = view
  messages.say(
    'waiting',
    { name, holder: owner, sinceMs, inLine },
    `still waiting for ${quote(name)}${after(':', heldBy(owner, sinceMs), `${inLine} in line`)}`,
  )
}

/** Why it was not acquired, in words. */
export function refusalInWords(name: string, refusal: LockTimeoutError): string {
  const { holder, since, position } = refusal
  const ahead = position > 0 ? `${position} waiting in front` : ''
  return `${quote(name)} not acquired${after(':', heldBy(holder, since?.getTime() ?? null), ahead)}`
}

/** The clock of the store is another one: an age may come out a little wrong, never negative. */
function heldBy(holder: string | null, sinceMs: number | null): string {
  if (holder === null) return ''
  const age = sinceMs === null ? '' : ` for ${ageInWords(Date.now() - sinceMs)}`
  return `held by ${ownerInWords(holder)}${age}`
}

function after(mark: string, ...parts: string[]): string {
  const said = parts.filter((part) => part !== '')
  return said.length === 0 ? '' : `${mark} ${said.join(', ')}`
}
