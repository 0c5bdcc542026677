import type { Clock } from '../../clock.ts'
import type { Connection } from './connection.ts'

/** Speed of a clock that the wall clock has fallen behind, until it is caught up with. */
const SLOW_PACE = 7 / 8

/**
 * What stores call now: the wall clock, never before what was stored. After the wall clock stepped
 * back, time goes on from there, a little slower. Standing still instead would keep every lease,
 * delay and limit as it is for the length of the step; being slow only makes leases longer.
 */
export class StoreClock {
  private readonly clock: Clock
  private lastUs = 0
  private lastAtMs = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Integer microseconds, not before `storedUs` nor any earlier answer, but for a test's clock. */
  nowUs(storedUs: number): number {
    const givenUs = this.clock.storeUs()
    if (givenUs !== null) return givenUs
    const atMs = this.clock.monotonicMs()
    const pacedUs = this.lastUs + (atMs - this.lastAtMs) * 1000 * SLOW_PACE
    this.lastAtMs = atMs
    this.lastUs = Math.floor(Math.max(this.clock.wallMs() * 1000, storedUs, pacedUs))
    return this.lastUs
  }

  /** False while a test's clock decides: its time is not for other processes. */
  get isShared(): boolean {
    return this.clock.storeUs() === null
  }
}

/** The time in the file, of which a transaction is never behind. */
export function readClock(connection: Connection): number {
  return connection.get<{ now_us: number }>('SELECT now_us FROM store_clock')?.now_us ?? 0
}

export function keepClock(connection: Connection, nowUs: number): void {
  connection.run(
    `INSERT INTO store_clock (one, now_us) VALUES (1, ?)
     ON CONFLICT (one) DO UPDATE SET now_us = excluded.now_us`,
    nowUs,
  )
}
