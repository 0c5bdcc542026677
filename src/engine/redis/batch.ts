import type { AnyScript, ItemWords, Sent } from './script.ts'

/** Who is told what was answered to one item. Called once, and as a method. */
export interface Asker<Reply> {
  resolve(reply: Reply & Sent): void
  reject(error: unknown): void
}

/**
 * What is asked for one item. This and what else lives until an answer comes is made by classes: of literals whose last
 * hundred are all alive when they are looked at, the compiler makes the next ones old from the start. Then
 * each stays, with all that it holds, until the next full collection, and the client needs twice the time.
 */
export class Item implements ItemWords {
  readonly keys: string[]
  readonly once: readonly string[]
  readonly args: readonly string[]
  readonly asker: Asker<never>

  constructor({ keys, once, args }: ItemWords, asker: Asker<never>) {
    this.keys = keys
    this.once = once
    this.args = args
    this.asker = asker
  }
}

/** Items that travel in one call. */
export class Batch implements Sent {
  readonly script: AnyScript
  readonly group: number
  items: Item[]
  /** About as many as it takes on the wire. */
  bytes: number
  deadlineMs = 0
  sentAtMs = 0
  nowUs = 0
  mayHaveRun = false

  /** Of one item. */
  constructor(script: AnyScript, group: number, item: Item, bytes: number) {
    this.script = script
    this.group = group
    this.items = Array.of(item)
    this.bytes = bytes
  }
}

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
