import { ArgumentError } from '../errors.ts'

const refuse = (method: string, why: string) => (): never => {
  const expected = 'lock(): a Redlock gives out nothing else'
  throw new ArgumentError(`redlock.${method}`, expected, 'a call of it', why)
}

export const refuseSemaphore = refuse(
  'semaphore',
  'Majorities of different holders share some nodes and not others, so no node can count the permits: of five nodes with two permits each, three holders get a majority. Use a semaphore on one engine.',
)

export const refuseReadWriteLock = refuse(
  'readWriteLock',
  'Readers hold different majorities and nodes have no common line, so a writer would wait for ever behind readers that come and go. Use a read-write lock on one engine.',
)

export const refuseElection = refuse(
  'election',
  'Everybody would have to read the leader from a majority, at one moment, and be told of changes by all nodes: that takes consensus, which Redlock is not. Lead while you hold a lock, or use an election on one engine.',
)
