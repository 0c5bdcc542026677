import type { PrefixSum } from './prefix-sums.ts'

/** A key among the biggest. */
export interface BigKey {
  readonly key: string
  readonly type: string
  /** What it was compared by: bytes or elements, as the report's `unit` says. */
  readonly size: number
  /** Null if it was gone when it was looked at again, as all that follows. */
  readonly bytes: number | null
  /** Of strings their bytes; null for types of modules. */
  readonly elements: number | null
  /** Until it expires; null if it never does. */
  readonly expiresInMs: number | null
  /** The server that has it, or its replica: host and port. */
  readonly place: string
}

/** Keys that have something in common, and what they come to together. */
export interface KeySum {
  readonly keys: number
  /** Bytes or elements, as the report's `unit` says. */
  readonly size: number
}

export interface BigKeysReport extends KeySum {
  readonly unit: 'bytes' | 'elements'
  /** The biggest of all types, the biggest first. */
  readonly biggest: readonly BigKey[]
  readonly types: readonly (KeySum & {
    readonly type: string
    readonly biggest: readonly BigKey[]
  })[]
  /** By the beginning of names, the biggest first: at most 100. */
  readonly prefixes: readonly PrefixSum[]
  /** All keys whose beginning is not among `prefixes`. */
  readonly otherPrefixes: KeySum
  /** By server: one that has much more than others is a hot spot. */
  readonly servers: readonly (KeySum & { readonly place: string })[]
  /** Keys that never expire; null unless asked for by `expiry: 'all'`. */
  readonly neverExpire: KeySum | null
  /** Keys that went, or moved to another node, before they were measured. */
  readonly gone: number
  /** Names that are no UTF-8: those keys were not measured. */
  readonly unreadable: number
  readonly elapsedMs: number
}
