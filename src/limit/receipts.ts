/**
 * What a reservation paid, so that it can be given back. Who reserved behind it was told a time, which
 * stands: only what nobody has reserved behind is free again. (The same rule as the reservations of
 * Go's x/time/rate.)
 *
 * `redis/receipt.lua` is the same: both engines give the same back.
 */
export interface Receipt {
  /** Microseconds of debt of a funnel, units of a bucket. */
  paid: number
  /** What was owed after it, and when. */
  owed: number
  atUs: number
}

export const receiptText = ({ paid, owed, atUs }: Receipt): string => `${paid} ${owed} ${atUs}`

export function readReceipt(text: string): Receipt {
  const [paid = 0, owed = 0, atUs = 0] = text.split(' ').map(Number)
  return { paid, owed, atUs }
}

/**
 * What is owed without it.
 * @param owedNow with it, now
 * @param gone what has leaked, or come back, since the receipt
 */
export function owedWithout(owedNow: number, { paid, owed }: Receipt, gone: number): number {
  const mine = Math.max(0, owed - gone)
  const behind = Math.max(0, owedNow - mine)
  return Math.max(0, owedNow - Math.max(0, paid - behind))
}
