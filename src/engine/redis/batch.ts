import type { AnyScript, ItemWords, Sent } from './script.ts'

/** Who is told what was answered to one item. Called once, and as a method. */
export interface Asker<Reply> {
  resolve(reply: Reply & Sent): void
  reject(error: unknown): void
}

export interface Item extends ItemWords {
  asker: Asker<never>
}

/** Items that travel in one call. */
export interface Batch extends Sent {
  script: AnyScript
  group: number
  items: Item[]
  /** About as many as it takes on the wire. */
  bytes: number
  deadlineMs: number
}

/** Of one item. */
export const batchOf = (script: AnyScript, group: number, item: Item, bytes: number): Batch => ({
  script,
  group,
  items: [item],
  bytes,
  deadlineMs: 0,
  sentAtMs: 0,
  nowUs: 0,
  mayHaveRun: false,
})

/** Whether all that items of a call share is the same. */
export function goesWith({ items }: Batch, { once }: Item): boolean {
  const shared = items[0]?.once
  return once === shared || once.every((text, index) => text === shared?.[index])
}

/** About as many as it takes on the wire. */
export function sizeOf(args: readonly string[]): number {
  let bytes = 0
  for (const text of args) bytes += text.length + 16
  return bytes
}
