import { formatMs } from '../duration.ts'
import { LockLostError } from '../errors.ts'
import { Child } from './child.ts'
import type { Held } from './door.ts'
import { EXIT } from './exit-codes.ts'
import type { LockRequest } from './lock-options.ts'
import { ageInWords, type Messages, quote } from './messages.ts'
import type { SignalRoute } from './signals.ts'

const LOSS_IN_WORDS: Readonly<Record<string, string>> = {
  expired: 'it could not be renewed in time',
  taken: 'it was taken away, or removed from the store',
  reset: 'the store lost its data',
  forced: 'it was taken away by force',
}

/** Runs the command while the lock is held, and gives the lock back when it has ended. */
export async function runHolding(
  held: Held,
  request: LockRequest,
  messages: Messages,
  signals: SignalRoute,
): Promise<number> {
  const { name } = request
  const { owner, fence } = held
  const sinceMs = performance.now()
  try {
    // The signal may have come together with the lock.
    signals.interrupted.throwIfAborted()
    const fenceText = fence === undefined ? '' : `, fence ${fence}`
    messages.say('acquired', { name, owner, fence }, `acquired ${quote(name)}${fenceText}`)
    // Before there is a command: it may run, and we be stopped, before the next line.
    signals.ignoreStop()
    const child = new Child(request.command, request.args, environmentOf(request, held))
    signals.forwardTo(child)
    const exitCode = await guard(child, held, request, messages, signals)
    const isKept = await giveBack(held, request, messages)
    if (!isKept) return EXIT.lockLost
    const age = ageInWords(performance.now() - sinceMs)
    messages.say('released', { name, exitCode }, `released ${quote(name)} after ${age}`)
    return exitCode
  } catch (error) {
    await held.release().catch(() => {})
    throw error
  }
}

/** Waits for the command; ends it when the lock is lost. */
async function guard(
  child: Child,
  held: Held,
  request: LockRequest,
  messages: Messages,
  signals: SignalRoute,
): Promise<number> {
  const { graceMs } = request
  let stopping: Promise<void> | undefined
  const onLoss = () => {
    stopping = child.stop(graceMs)
    const action = `SIGTERM to ${quote(request.command)}, SIGKILL after ${formatMs(graceMs)}`
    tellLoss(held, request, messages, action)
  }
  if (held.signal.aborted) onLoss()
  held.signal.addEventListener('abort', onLoss, { once: true })
  const exitCode = await child.ended
  // A shell that was told to end may be gone before what it started, which still needs the lock.
  if (signals.wasForwarded && child.signal(0)) {
    const text = `waiting up to ${formatMs(graceMs)} for what ${quote(request.command)} started`
    messages.say('lingering', { name: request.name, graceMs }, text)
    await child.groupEnded(graceMs)
  }
  held.signal.removeEventListener('abort', onLoss)
  await stopping
  return exitCode
}

/** Whether the lock was held to the end. */
async function giveBack(held: Held, request: LockRequest, messages: Messages): Promise<boolean> {
  const { name, ttlMs } = request
  const wasLost = held.signal.aborted
  try {
    if ((await held.release()) === 'released') return true
    if (!wasLost) tellLoss(held, request, messages, 'the command had ended by itself')
    return false
  } catch (error) {
    const { message } = error as Error
    const text = `${quote(name)} could not be released, and is free in ${formatMs(ttlMs)}: ${message}`
    messages.say('not-released', { name, ttlMs, message }, text)
    return !wasLost
  }
}

function tellLoss(held: Held, { name }: LockRequest, messages: Messages, action: string): void {
  const loss: unknown = held.signal.reason
  const reason = loss instanceof LockLostError ? loss.reason : 'taken'
  const words = LOSS_IN_WORDS[reason] ?? reason
  messages.alarm('lost', { name, reason }, `lost ${quote(name)}: ${words}; ${action}`)
}

function environmentOf({ name, ttlMs }: LockRequest, { owner, fence }: Held): NodeJS.ProcessEnv {
  // What an outer `sluice lock` set is not ours.
  const { SLUICE_LOCK_FENCE: _, ...inherited } = process.env
  return {
    ...inherited,
    SLUICE_LOCK_NAME: name,
    SLUICE_LOCK_OWNER: owner,
    SLUICE_LOCK_TTL_MS: `${ttlMs}`,
    ...(fence === undefined ? {} : { SLUICE_LOCK_FENCE: `${fence}` }),
  }
}
