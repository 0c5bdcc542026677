export type { Hold, Lease } from '../gate/handle.ts'
export type { AcquireOptions, HoldOptions, Metadata } from '../gate/options.ts'
export type { Holder } from '../gate/store.ts'
export type { Person, Waiter } from '../gate/view.ts'
export type { Election, ElectionOptions, Leader, Leadership } from './election.ts'
export type { Latch, LatchOptions, LatchView } from './latch.ts'
export type { Lock } from './lock.ts'
export type { ManyLeases, ManyLocks } from './many.ts'
export type { ForceReleaseOptions, LockOptions, ReentryOptions } from './options.ts'
export type {
  ReadWriteLock,
  ReadWriteView,
  ShareMode,
  UpgradableLease,
  WriteLease,
} from './read-write-lock.ts'
export type { LockView } from './view.ts'
