export type { BigKey, BigKeysReport, KeySum } from './big-keys-report.ts'
export { type OpenRedis, type OpenRedisOptions, openRedis, type RedisTarget } from './client.ts'
export type { Command } from './command.ts'
export {
  type DeleteOptions,
  type DeleteProgress,
  type DeleteReport,
  deleteKeys,
} from './delete-keys.ts'
export { type DrainOptions, type DrainProgress, type DrainReport, drainKey } from './drain-key.ts'
export {
  CommandError,
  type CommandResult,
  PipelineError,
  TransactionAbortedError,
  TransactionConflictError,
  TransactionPartialError,
  TransactionUnknownError,
} from './errors.ts'
export { type BigKeysOptions, type BigKeysProgress, findBigKeys } from './find-big-keys.ts'
export { escapeGlob } from './glob.ts'
export {
  type PipelineOptions,
  type PipelineResults,
  type PipelineValues,
  pipeline,
} from './pipeline.ts'
export type { PrefixSum } from './prefix-sums.ts'
export { type PreflightReport, preflight } from './preflight.ts'
export type { Finding, LazySetting, ServerFacts } from './preflight-findings.ts'
export type { Queued, Resolved, Transaction } from './queued.ts'
export { type KeyScan, type ScanOptions, scanKeys } from './scan.ts'
export type { ScanProgress } from './scan-progress.ts'
export { type TransactionOptions, transaction } from './transaction.ts'
