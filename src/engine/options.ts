import { type Clock, systemClock } from '../clock.ts'
import { ArgumentError } from '../errors.ts'
import {
  duration,
  flag,
  oneOf,
  type Reader,
  readName,
  readOptions,
  withDefault,
} from '../options.ts'
import { describe } from '../text.ts'
import type { Logger } from './open.ts'
import type { Credentials } from './redis/source.ts'

/** What `tls.connect` of Node takes of certificates. */
export interface TlsOptions {
  /** Certificates in PEM that are trusted instead of the well-known ones. */
  ca?: string | Buffer | (string | Buffer)[]
  cert?: string | Buffer
  key?: string | Buffer
  passphrase?: string
  servername?: string
  rejectUnauthorized?: boolean
}

export const consoleLogger: Logger = {
  info: (message) => console.info(message),
  warn: (message) => console.warn(message),
  error: (message, error) => console.error(message, error),
}

const readClock: Reader<Clock> = (value, argument) => {
  const clock = value as Partial<Clock> | null
  const complete =
    typeof clock === 'object' &&
    clock !== null &&
    [clock.monotonicMs, clock.wallMs, clock.storeUs, clock.after].every(
      (method) => typeof method === 'function',
    )
  if (complete) return clock as Clock
  throw new ArgumentError(argument, 'a Clock', describe(value))
}

const readLogger: Reader<Logger> = (value, argument) => {
  const logger = value as Partial<Logger> | null
  const complete = [logger?.info, logger?.warn, logger?.error].every(
    (method) => typeof method === 'function',
  )
  if (complete) return logger as Logger
  throw new ArgumentError(argument, 'an object with info, warn and error', describe(value))
}

const isPem = (value: unknown): boolean => typeof value === 'string' || Buffer.isBuffer(value)

const pem: Reader<string | Buffer> = (value, argument) => {
  if (isPem(value)) return value as string | Buffer
  throw new ArgumentError(argument, 'PEM text or a Buffer', 'something else')
}

const tlsShape = {
  ca: withDefault((value, argument) => {
    if (isPem(value) || (Array.isArray(value) && value.every(isPem))) return value as string[]
    throw new ArgumentError(argument, 'PEM text, a Buffer, or an array of them', describe(value))
  }, undefined),
  cert: withDefault(pem, undefined),
  key: withDefault(pem, undefined),
  passphrase: withDefault((value, argument) => {
    if (typeof value === 'string') return value
    throw new ArgumentError(argument, 'text', `a ${typeof value}`)
  }, undefined),
  servername: withDefault(readName, undefined),
  rejectUnauthorized: withDefault(flag, undefined),
}

/** Only what was given: an option of Node that is there and undefined is not its default. */
const readTls: Reader<TlsOptions> = (value, argument) => {
  if (typeof value !== 'object') {
    throw new ArgumentError(argument, 'an object of options', `a ${typeof value}`)
  }
  const given = Object.entries(readOptions(argument, value, tlsShape))
  return Object.fromEntries(given.filter(([, one]) => one !== undefined))
}

type ReadCredentials = () => Credentials | Promise<Credentials>

/** Whoever passes the password itself by mistake must not find it in a message. */
const readCredentials: Reader<ReadCredentials> = (value, argument) => {
  if (typeof value === 'function') return value as ReadCredentials
  throw new ArgumentError(argument, 'a function that returns them', `a ${typeof value}`)
}

/** Options that concern the engine, the same wherever one is opened. */
export const engineOptions = {
  prefix: withDefault(readName, undefined),
  commandTimeout: withDefault(duration({ minMs: 50, maxMs: 300_000 }), 2_000),
  connectTimeout: withDefault(duration({ minMs: 50, maxMs: 300_000 }), 5_000),
  synchronous: withDefault(oneOf('full', 'normal'), undefined),
  credentials: withDefault(readCredentials, undefined),
  sentinelCredentials: withDefault(readCredentials, undefined),
  tls: withDefault(readTls, undefined),
  clock: withDefault(readClock, systemClock),
  logger: withDefault(readLogger, consoleLogger),
}
