import {
  EngineUnavailableError,
  InternalError,
  type SluiceError,
  StoreCorruptError,
  StoreFullError,
} from '../../errors.ts'
import type { RawClient } from './client.ts'

/** Errors by which a server says "not now": nothing was done, and waiting may help. */
const NOT_NOW =
  /^(?:LOADING|BUSY|MASTERDOWN|MISCONF|READONLY|CLUSTERDOWN|NOREPLICAS|TRYAGAIN|UNBLOCKED)\b|max number of clients/
const NOT_ALLOWED = /^(?:NOAUTH|WRONGPASS|NOPERM|ERR AUTH|ERR invalid password)\b/

/** What an error reply of the server means to a caller. `about` names what was being done. */
export function fromReply(reply: string, about: string, keys: string[] = []): SluiceError {
  // Inside a script, Redis before 7 puts the place in front of the error.
  const message = reply.replace(/^@?user_script: ?\d+: ?-?/, '')
  const text = message.replace(/^ERR /, '').split('\n')[0] ?? ''
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
  if (NOT_NOW.test(message)) {
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

/** What a client rejected with, told apart: an answer of the server, or the end of a socket. */
export function asFailure(client: RawClient, error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  return client.isReply(error) ? new ServerReply(error.message) : error
}
