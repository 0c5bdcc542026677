export { type NodeVote, QuorumError } from './errors.ts'
export type { RedlockNode } from './nodes.ts'
export {
  type Redlock,
  type RedlockLock,
  type RedlockLockOptions,
  type RedlockOptions,
  type RedlockView,
  redlock,
} from './redlock.ts'
