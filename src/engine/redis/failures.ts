import {
  EngineUnavailableError,
  InternalError,
  SluiceError,
  StoreCorruptError,
  StoreFullError,
} from '../../errors.ts'
import { printable } from '../../text.ts'
import type { RawClient } from './client.ts'

/** Errors by which a server says "not now": nothing was done, and waiting may help. */
const NOT_NOW =
  /^(?:LOADING|BUSY|MASTERDOWN|MISCONF|READONLY|CLUSTERDOWN|NOREPLICAS|TRYAGAIN|UNBLOCKED)\b|max number of clients/
/** Whether nothing was done, and the same may succeed later. */
export const isNotNow = (reply: string) => NOT_NOW.test(withoutPlace(reply))
/** Inside a script, Redis before 7 puts the place in front of the error. */
const withoutPlace = (reply: string) => reply.replace(/^@?user_script: ?\d+: ?-?/, '')

const NOT_ALLOWED = /^(?:NOAUTH|WRONGPASS|NOPERM|ERR AUTH|ERR invalid password)\b/

/** What an error reply of the server means to a caller. `about` names what was being done. */
export function fromReply(reply: string, about: string, keys: string[] = []): SluiceError {
  const message = withoutPlace(reply)
  const [line = ''] = message.split('\n')
  const text = printable(line).replace(/^ERR /, '').replace(/\.$/, '')
  if (/^OOM\b/.test(message)) {
    return new StoreFullError(
      `Redis has no memory left for ${about}: raise maxmemory, or let consumers drain it. Releases, acknowledgements and renewals still work.`,
    )
  }
  if (/^WRONGTYPE\b/.test(message)) {
    return new StoreCorruptError(
      keys.join(', '),
      `${about} found a key of another type among ${keys.join(', ')}. Something else writes there: use another prefix, or remove the key.`,
    )
  }
  if (/^(?:MOVED|ASK|CROSSSLOT)\b/.test(message)) {
    return new EngineUnavailableError(
      `Redis answered ${about} with ${text}: it is a node of a cluster. Use a redis+cluster URL, or a cluster client.`,
      { outcome: 'not-applied', retryable: false },
    )
  }
  if (isNotNow(message)) {
    return new EngineUnavailableError(`Redis cannot serve ${about} now: ${text}`, {
      outcome: 'not-applied',
    })
  }
  if (NOT_ALLOWED.test(message)) {
    return new EngineUnavailableError(
      `Redis refused ${about}: ${text}. Check user, password and rights of the connection.`,
      { outcome: 'not-applied', retryable: false },
    )
  }
  return new InternalError(`Redis answered ${about} with: ${text}.`)
}

/** An error that the server answered with, whichever client it came through. */
export class ServerReply extends Error {}

export const isReplyError = (error: unknown): error is ServerReply => error instanceof ServerReply

/** What a call that failed means to a caller. */
export const asCallFailure = (error: unknown, about: string, keys?: string[]): unknown =>
  isReplyError(error) ? fromReply(error.message, about, keys) : error

/**
 * What a client rejected with, told apart: an answer of the server, or the end of a socket. A server
 * may quote what it was sent, and so may a library.
 */
export function asFailure(client: RawClient, error: unknown): Error {
  const message = scrubbed(error instanceof Error ? error.message : String(error), client.secrets())
  if (error instanceof SluiceError) return error
  if (error instanceof Error && client.isReply(error)) return new ServerReply(message)
  return new Error(explained(message), socketCode(error))
}

const scrubbed = (message: string, secrets: readonly string[]) =>
  secrets.reduce((text, secret) => text.replaceAll(secret, '***'), message)

/** What a library, or its TLS, says when something else than a Redis answers. */
function explained(message: string): string {
  if (/Unknown RESP type|Protocol error/.test(message)) {
    return 'what answers there is not Redis, or it expects TLS (a rediss URL)'
  }
  if (/wrong version number|packet length too long|SSL routines/.test(message)) {
    return `what answers there does not speak TLS as expected (a redis URL goes without): ${
      message.split(':').at(-2) ?? ''
    }`
  }
  return printable(message).trim()
}

/** Why a server does not let a connection in, as told by its reply to the handshake. */
function fromHandshake(reply: string): SluiceError {
  const known = fromReply(reply, 'the connection')
  if (known instanceof EngineUnavailableError) return known
  const text = reply.replace(/^ERR /, '').replace(/\.$/, '')
  return new EngineUnavailableError(`Redis refused the connection: ${text}. Check its address.`, {
    outcome: 'not-applied',
    retryable: false,
  })
}

const socketCode = (error: unknown) => {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return code === undefined ? undefined : { cause: code }
}

/** Why a connection cannot be had, as a caller should read it. */
export const detailOf = (failure: Error | undefined) =>
  failure && isReplyError(failure) ? fromHandshake(failure.message) : failure

export const isRetryable = (failure: Error | undefined) =>
  !(failure instanceof SluiceError) || failure.retryable

/** A repeat that failed plainly does not tell what the first sending did. */
export function asUnknown(failure: unknown, mayHaveRun: boolean): unknown {
  if (!mayHaveRun || !(failure instanceof SluiceError) || failure.outcome === 'unknown') {
    return failure
  }
  const { message, retryable } = failure
  return new EngineUnavailableError(message, { outcome: 'unknown', retryable, cause: failure })
}
