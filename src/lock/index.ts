export type { Lease } from './lease.ts'
export type { Lock } from './lock.ts'
export type { AcquireOptions, LockOptions } from './options.ts'
export type { Holder, LockView } from './store.ts'
