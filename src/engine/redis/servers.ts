import type { Call } from './call-line.ts'
import type { RawClient } from './client.ts'
import type { Connection } from './connection.ts'
import type { Fits } from './fitting.ts'

/**
 * The servers that hold the data, whatever they are to each other. Keys of one hash tag are of one
 * group: they are on one server, and one command may name several of them.
 */
export interface Servers {
  groupOf(key: string): number
  /** A hash tag of a group; empty where there is but one. */
  tagOf(group: number): string
  /** Sends a command to the server of a group. Rejects as {@link Connection.call} does. */
  call(group: number, command: string, args: string[], deadlineMs: number): Promise<unknown>
  /** The same for one of many: without a promise for each, which would cost as much as sending it. */
  take(group: number, call: Call): void
  /** A connection to each server that has keys, for what is about all of them. */
  each(deadlineMs: number): Promise<readonly Connection[]>
  /** The server of a group may not be the right one any more: connects to it anew. */
  reconnect(group: number, cause: Error): void
  /** What tells the servers of groups apart; empty where there is but one. */
  serverOf(group: number): string
  /** Another client to the server of a group, or with null to any server. */
  openBeside(group: number | null): RawClient
  /** Whether one blocking command may name keys of several groups. */
  readonly blocksTogether: boolean
  /** Whether PUBLISH counts every subscriber. Nodes of a cluster count their own alone. */
  readonly countsListeners: boolean
  /** Monotonic time of the last answer of any server; null before the first. */
  lastAnswerMs(): number | null
  close(): Promise<void>
}

/** What becomes of each connection that serves calls. */
export interface ServerEvents {
  /** Before it serves; what it throws refuses the server. */
  prepare(client: RawClient, label: string): Promise<void>
  onReady(connection: Connection): void
  onTrouble(connection: Connection, cause: Error): void
  onLost(connection: Connection, silent: boolean): void
  /** It is of no use any more, and so are its troubles. */
  onRetired(connection: Connection): void
}

export interface ServersOptions {
  connectTimeoutMs: number
  /** A socket that has been silent for a while is asked whether it lives. */
  pingAfterMs: number
  pingTimeoutMs: number
  /** Left out for the commands that stores send. */
  fits?: Fits
  events: ServerEvents
}

/** The part that every connection for calls has in common. */
export function callConnectionOptions(
  label: string,
  { connectTimeoutMs, pingAfterMs, pingTimeoutMs, fits, events }: ServersOptions,
  self: () => Connection,
) {
  return {
    label,
    connectTimeoutMs,
    pulse: { pingAfterMs, pingTimeoutMs },
    ...(fits && { fits }),
    prepare: (client: RawClient) => events.prepare(client, label),
    onReady: () => events.onReady(self()),
    onTrouble: (cause: Error) => events.onTrouble(self(), cause),
    onLost: (silent: boolean) => events.onLost(self(), silent),
  }
}
