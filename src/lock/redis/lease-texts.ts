import { toUs } from '../../duration.ts'

/** How long a lease is, as scripts and the states of locks have it. */
export interface LeaseTexts {
  /** 16 digits. */
  readonly leaseUs: string
  /** Rounded up. */
  readonly leaseMs: string
}

/** Writes them. Nearly all leases of a store are as long as the one before: that one's are kept. */
export function leaseWriter(): (ttlMs: number) => LeaseTexts {
  let lastMs = 0
  let last: LeaseTexts = { leaseUs: '', leaseMs: '' }
  return (ttlMs) => {
    if (ttlMs === lastMs) return last
    lastMs = ttlMs
    last = {
      leaseUs: String(toUs(ttlMs)).padStart(16, '0'),
      leaseMs: String(Math.ceil(ttlMs)),
    }
    return last
  }
}
