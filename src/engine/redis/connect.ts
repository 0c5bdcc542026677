import type { RawClient } from './client.ts'
import { asFailure } from './failures.ts'

export interface ConnectOptions {
  openClient: () => RawClient
  /** Bounds TCP, TLS, handshake, the first PING and `prepare` of one attempt together. */
  connectTimeoutMs: number
  /** What the connection needs before it serves: checks of the server, a subscription. */
  prepare?: ((client: RawClient) => Promise<void>) | undefined
}

/** A client that answers. `lost` resolves once its socket is gone, and never rejects. */
export interface Established {
  client: RawClient
  lost: Promise<Error | undefined>
}

const FIRST_BACKOFF_MS = 20
const LONGEST_BACKOFF_MS = 1_000
const MOST_ATTEMPTS = 5
/** A handshake that takes longer is told as trouble, and goes on. */
const SLOW_MS = 600

/**
 * Tries until a client answers; null when `stop` aborts first. A handshake that fell into a dead
 * network is never answered, also after the network is back, so another attempt starts beside it
 * every second: work resumes soon after healing, however long the connect deadline is.
 */
export function connect(
  options: ConnectOptions,
  stop: AbortSignal,
  onTrouble: (cause: Error) => void,
): Promise<Established | null> {
  return new Promise((resolve) => {
    const attempts = new Set<AbortController>()
    let failures = 0
    let next: NodeJS.Timeout | undefined

    function end(result: Established | null): void {
      clearTimeout(next)
      stop.removeEventListener('abort', onStop)
      for (const attempt of attempts) attempt.abort()
      attempts.clear()
      resolve(result)
    }

    function start(): void {
      makeRoom()
      const attempt = new AbortController()
      attempts.add(attempt)
      schedule(jittered(LONGEST_BACKOFF_MS), start)
      const stopWaiting = afterRunning(SLOW_MS, () =>
        onTrouble(new Error(`the handshake has had no answer for ${SLOW_MS} ms`)),
      )
      const trying = tryOnce(options, attempt.signal).finally(stopWaiting)
      trying.then(
        (established) => {
          if (attempt.signal.aborted) return established.client.destroy()
          attempts.delete(attempt)
          end(established)
        },
        (error: Error) => {
          if (!attempts.delete(attempt)) return
          onTrouble(error)
          failures++
          if (attempts.size === 0) schedule(backoffMs(failures), start)
        },
      )
    }

    /** The oldest may be slow and on its way: it keeps its deadline. The one after it need not. */
    function makeRoom(): void {
      if (attempts.size < MOST_ATTEMPTS) return
      const [, second] = attempts
      if (!second) return
      attempts.delete(second)
      second.abort()
    }

    function schedule(delayMs: number, run: () => void): void {
      clearTimeout(next)
      next = setTimeout(run, delayMs)
    }

    const onStop = () => end(null)
    if (stop.aborted) return resolve(null)
    stop.addEventListener('abort', onStop, { once: true })
    start()
  })
}

const TICK_MS = 50

/**
 * Calls back after that much time in which this process ran. While it loads a library, or works for
 * long without a pause, it could not have seen an answer.
 */
function afterRunning(ms: number, callback: () => void): () => void {
  let leftMs = ms
  const timer = setInterval(() => {
    leftMs -= TICK_MS
    if (leftMs > 0) return
    clearInterval(timer)
    callback()
  }, TICK_MS)
  return () => clearInterval(timer)
}

/** How long to wait after so many failures in a row: twice as long each time, up to a second. */
export const backoffMs = (failures: number) =>
  jittered(Math.min(FIRST_BACKOFF_MS * 2 ** failures, LONGEST_BACKOFF_MS))

const jittered = (ms: number) => ms * (0.5 + Math.random() / 2)

async function tryOnce(options: ConnectOptions, cancel: AbortSignal): Promise<Established> {
  const client = options.openClient()
  const lost = new Promise<Error | undefined>((resolve) => client.onClose(resolve))
  const early = lost.then((cause) =>
    Promise.reject(cause ?? new Error('the connection was closed')),
  )
  early.catch(() => {})
  try {
    await bounded(options.connectTimeoutMs, cancel, [handshake(client, options.prepare), early])
    return { client, lost }
  } catch (error) {
    client.destroy()
    throw asFailure(client, error)
  }
}

async function handshake(client: RawClient, prepare: ConnectOptions['prepare']): Promise<void> {
  await client.connect()
  await prepare?.(client)
}

/** Settles with the first of `works`, or rejects at the deadline or when cancelled. */
async function bounded(
  timeoutMs: number,
  cancel: AbortSignal,
  works: Promise<unknown>[],
): Promise<void> {
  let timeout: NodeJS.Timeout | undefined
  let onCancel = () => {}
  const ended = new Promise<never>((_, reject) => {
    timeout = setTimeout(() => reject(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs)
    onCancel = () => reject(new Error('the connection was closed'))
    cancel.addEventListener('abort', onCancel, { once: true })
  })
  try {
    await Promise.race([...works, ended])
  } finally {
    clearTimeout(timeout)
    cancel.removeEventListener('abort', onCancel)
  }
}
