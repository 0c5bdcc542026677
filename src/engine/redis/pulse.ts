export interface Pulse {
  /** PING after this long without an answer. */
  pingAfterMs: number
  /** A PING without an answer for this long ends the socket. */
  pingTimeoutMs: number
}

export interface Patient {
  /** Monotonic. */
  lastAnswerMs(): number
  /** The call that has waited longest for its answer, if any does: told apart by identity. */
  oldest(): object | undefined
  ping(deadlineMs: number): Promise<unknown>
  onSilence(cause: Error): void
}

const LOOK_EVERY_MS = 150
/** A call without an answer for this long is told as trouble, though its deadline is not over. */
const SILENCE_MS = 600

/**
 * A socket can die without a word: one that is silent for long is asked whether it lives, and told
 * as silent when it does not answer. Returns what stops the watch.
 */
export function watchPulse(pulse: Pulse, patient: Patient): () => void {
  let lastLookMs = performance.now()
  let pinging = false
  let oldest: object | undefined
  let oldestSinceMs = lastLookMs

  function look(): void {
    const now = performance.now()
    // Our own process stood still: what came meanwhile has not been read yet.
    const late = now - lastLookMs > LOOK_EVERY_MS * 3
    lastLookMs = now
    if (late) return
    const silentMs = now - patient.lastAnswerMs()
    if (oldest !== patient.oldest()) {
      oldest = patient.oldest()
      oldestSinceMs = now
    }
    if (oldest && Math.min(silentMs, now - oldestSinceMs) > SILENCE_MS) {
      patient.onSilence(new Error(`no answer for ${Math.round(silentMs)} ms`))
    }
    if (pinging || silentMs < pulse.pingAfterMs) return
    pinging = true
    patient
      .ping(now + pulse.pingTimeoutMs)
      .catch(() => {})
      .finally(() => {
        pinging = false
      })
  }

  const timer = setInterval(look, LOOK_EVERY_MS)
  return () => clearInterval(timer)
}
