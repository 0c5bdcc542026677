import { SettingsMismatchError } from '../errors.ts'

/**
 * The contract of latches on an engine: a count-down that opens once, for everybody. Internal,
 * outside semver.
 *
 * Promises, proved by `latch.contract.ts` on every engine:
 * - LA1 Each id counts once, whoever says it and however often.
 * - LA2 It opens exactly when as many different ids have arrived as its count says.
 * - LA3 It is open for good: whoever arrives then changes nothing of that.
 * - LA4 Everybody agrees on the count: who says another one than was said first is told, and changes
 *       nothing.
 * - LA5 Who watches is told within milliseconds when it opens: at most 1,000 clients of each latch,
 *       for a minute after they watched last.
 * - LA6 It is kept for `keepMs` from the last arrival, and while somebody watches twice in that time.
 *       Then nothing is left of it, and its name begins anew.
 * - LA7 `inspect` changes nothing.
 */
export interface LatchStore {
  /** Counts the id. Answers how many are still missing. */
  arrive(request: LatchRequest & { id: string }): Promise<number>
  /** Looks, and asks to be told when it opens. */
  watch(request: LatchRequest): Promise<LatchState>
  /** Null: nobody has used it lately. */
  inspect(name: string): Promise<LatchState | null>
  /** Calls back when it may have opened, or when news of that may have been missed. */
  onNews(name: string, listener: () => void): () => void
}

/** An arrival or a watch that says another count than the others rejects with a mismatch. */
export interface LatchRequest {
  name: string
  count: number
  keepMs: number
}

export interface LatchState {
  count: number
  /** How many are still missing. */
  left: number
  /** Epoch milliseconds of the store's clock; null: it has not opened. */
  openedAtMs: number | null
}

export const latchMismatch = (name: string, agreed: number, said: number) =>
  new SettingsMismatchError('Latch', name, agreed, said)
