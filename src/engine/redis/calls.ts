import type { Clock } from '../../clock.ts'
import { EngineUnavailableError, SluiceError } from '../../errors.ts'
import { fromReply, isNotNow, isReplyError } from './failures.ts'
import {
  type AnyScript,
  decodeReply,
  encodeArgs,
  encodeKeys,
  type Script,
  type Sent,
} from './script.ts'
import type { Servers } from './servers.ts'

interface Item {
  keys: string[]
  args: string[]
  resolve: (reply: never) => void
  reject: (error: unknown) => void
}

/** Whether the servers take writes. Some that do not answer everything else. */
export interface WriteEvents {
  onRefused(group: number, reply: string): void
  onServed(script: AnyScript): void
}

/** Items that travel in one call. */
interface Batch extends Sent {
  script: AnyScript
  group: number
  items: Item[]
  /** About as many as it takes on the wire. */
  bytes: number
  deadlineMs: number
}

/** No call holds the server for long. */
const MOST_BYTES = 1 << 20
/**
 * So many are sent before the tick is over: the server works on them while this process is busy
 * with the rest, instead of one waiting for the other. At 100 in flight that is nearly twice as many.
 */
const ENOUGH_ITEMS = 32
/** Pause before a script is tried again that the server refused with "not now". */
const NOT_NOW_PAUSE_MS = 25

/**
 * Runs scripts: calls of one tick to one group of keys become one `EVALSHA`, each item answered for
 * itself. On one server all keys are of one group; in a cluster each slot is one.
 */
export class ScriptCalls {
  private readonly servers: Pick<Servers, 'groupOf' | 'call'>
  private readonly clock: Clock
  private readonly timeoutMs: number
  private readonly writes: WriteEvents
  private readonly facts: () => string[]
  private readonly sharedKey: (kind: string, group: number) => string
  /** By group: what is sent when the tick is over. */
  private readonly waiting = new Map<number, Batch[]>()
  private readonly idleListeners: (() => void)[] = []
  private underWay = 0
  /** Random at first: answers that belong to another client's calls are to be told from ours. */
  private callNumber = Math.floor(Math.random() * 2 ** 32)

  /**
   * @param facts what scripts that `USE facts` are told once a call: self, inbox, counted, floor
   * @param sharedKey the key that scripts `SHARES` with all items of a group
   */
  constructor(
    servers: Pick<Servers, 'groupOf' | 'call'>,
    clock: Clock,
    timeoutMs: number,
    writes: WriteEvents,
    facts: () => string[],
    sharedKey: (kind: string, group: number) => string,
  ) {
    this.writes = writes
    this.sharedKey = sharedKey
    this.facts = facts
    this.servers = servers
    this.clock = clock
    this.timeoutMs = timeoutMs
  }

  call<Keys, Args, Reply>(
    script: Script<Keys, Args, Reply>,
    keys: Keys,
    args: Args,
  ): Promise<Reply & Sent> {
    const plain = script as unknown as AnyScript
    return new Promise((resolve, reject) => {
      this.enqueue(plain, {
        keys: encodeKeys(plain, keys as Record<string, string>),
        args: encodeArgs(plain, args as Record<string, unknown>),
        resolve,
        reject,
      })
    })
  }

  private enqueue(script: AnyScript, item: Item): void {
    if (this.waiting.size === 0) this.flushSoon()
    const group = this.servers.groupOf(item.keys[0] ?? '')
    let batches = this.waiting.get(group)
    if (!batches) {
      batches = []
      this.waiting.set(group, batches)
    }
    const bytes = sizeOf(item.args)
    const index = batches.findIndex((batch) => batch.script === script)
    const batch = batches[index]
    if (!batch) batches.push(batchOf(script, group, item, bytes))
    else if (batch.bytes + bytes > MOST_BYTES) {
      batches[index] = batchOf(script, group, item, bytes)
      this.start(batch)
    } else {
      batch.bytes += bytes
      if (batch.items.push(item) < ENOUGH_ITEMS) return
      batches.splice(index, 1)
      this.start(batch)
    }
  }

  /** Resolves when nothing waits and nothing is under way. */
  async idle(): Promise<void> {
    while (this.underWay > 0 || this.waiting.size > 0) {
      await new Promise<void>((resolve) => this.idleListeners.push(resolve))
    }
  }

  /** After the promises that are settled now have run on: what they call joins the same tick. */
  private flushSoon(): void {
    void settled.then(() => process.nextTick(() => this.flush()))
  }

  private flush(): void {
    const waiting = [...this.waiting.values()]
    this.waiting.clear()
    for (const batches of waiting) for (const batch of batches) this.start(batch)
    this.tellIdle()
  }

  private start(batch: Batch): void {
    this.underWay++
    batch.deadlineMs = performance.now() + this.timeoutMs
    batch.sentAtMs = this.clock.monotonicMs()
    this.send(batch, this.argumentsOf(batch.script, batch.group, batch.items))
  }

  private send(batch: Batch, rest: string[]): void {
    const { script, group, deadlineMs } = batch
    const answered = (replies: unknown) => this.settle(batch, replies as readonly unknown[])
    const failed = (error: unknown) => this.recover(batch, rest, error)
    void this.servers
      .call(group, 'EVALSHA', [script.sha1, ...rest], deadlineMs)
      .then(answered, (error: unknown) => {
        if (!isReplyError(error) || !error.message.startsWith('NOSCRIPT')) return failed(error)
        const withBody = this.servers.call(group, 'EVAL', [script.body, ...rest], deadlineMs)
        return withBody.then(answered, failed)
      })
  }

  /** Answers every item but those that the server refused to write for now, if there is time for them. */
  private settle(batch: Batch, replies: readonly unknown[]): void {
    const { script, group, items } = batch
    let refusal: string | null = null
    const refused: Item[] = []
    for (const [index, item] of items.entries()) {
      // The first is the number of the call.
      const raw = replies[index + 1]
      const failure = failureOf(raw)
      if (failure === null) answer(script, item, raw, batch)
      else {
        if (isNotNow(failure)) refusal = failure
        if (isNotNow(failure) && hasTime(batch)) refused.push(item)
        else reject(item, fromReply(failure, `script ${script.name}`, item.keys), batch)
      }
    }
    if (refusal === null) this.writes.onServed(script)
    else this.writes.onRefused(group, refusal)
    if (refused.length === 0) return this.end()
    batch.items = refused
    afterPause(() => this.send(batch, this.argumentsOf(script, group, refused)))
  }

  /** Sends again what failed as a whole, as far as the script's `repeat` and the deadline allow. */
  private recover(batch: Batch, rest: string[], error: unknown): void {
    const { script, items } = batch
    const failure = isReplyError(error)
      ? fromReply(error.message, `script ${script.name}`, items[0]?.keys)
      : error
    if (mayRepeat(script, failure)) {
      if (failure.outcome === 'unknown') batch.mayHaveRun = true
      if (hasTime(batch)) return afterPause(() => this.send(batch, rest))
    }
    for (const item of items) reject(item, failure, batch)
    this.end()
  }

  private end(): void {
    this.underWay--
    this.tellIdle()
  }

  private tellIdle(): void {
    for (const listener of this.idleListeners.splice(0)) listener()
  }

  /** Number of keys, keys, number of the call, time in 16 digits, facts, and what each item says. */
  private argumentsOf(script: AnyScript, group: number, items: Item[]): string[] {
    const { keys: ownKeys, shares } = script
    const nowUs = this.clock.storeUs()
    const all = [String(items.length * ownKeys.length + (shares === null ? 0 : 1))]
    for (const { keys } of items) for (const key of keys) all.push(key)
    if (shares !== null) all.push(this.sharedKey(shares, group))
    all.push(String(this.callNumber++))
    all.push(nowUs === null ? '' : String(nowUs).padStart(16, '0'))
    if (script.facts) all.push(...this.facts())
    for (const { args } of items) for (const arg of args) all.push(arg)
    return all
  }
}

const settled = Promise.resolve()

const batchOf = (script: AnyScript, group: number, item: Item, bytes: number): Batch => ({
  script,
  group,
  items: [item],
  bytes,
  deadlineMs: 0,
  sentAtMs: 0,
  mayHaveRun: false,
})

function sizeOf(args: string[]): number {
  let bytes = 0
  for (const text of args) bytes += text.length + 16
  return bytes
}

function answer(script: AnyScript, item: Item, raw: unknown, sent: Sent): void {
  try {
    item.resolve(decodeReply(script, raw, sent) as never)
  } catch (error) {
    reject(item, error, sent)
  }
}

const reject = (item: Item, failure: unknown, { mayHaveRun }: Sent) =>
  item.reject(asUnknown(failure, mayHaveRun))

/** A repeat that leaves too late to be answered ends a socket that is well. */
const LEAST_TIME_MS = 50

const hasTime = ({ deadlineMs }: Batch) =>
  performance.now() + NOT_NOW_PAUSE_MS + LEAST_TIME_MS < deadlineMs

const afterPause = (then: () => void) => void setTimeout(then, NOT_NOW_PAUSE_MS)

/** What failed an item. A refusal came at the first write of its script, so nothing was written. */
const failureOf = (raw: unknown): string | null =>
  Array.isArray(raw) && raw[0] === 'failed' ? String(raw[1]) : null

const mayRepeat = (script: AnyScript, failure: unknown): failure is EngineUnavailableError =>
  failure instanceof EngineUnavailableError &&
  failure.retryable &&
  (failure.outcome !== 'unknown' || script.repeat === 'safe')

/** A repeat that failed plainly does not tell what the first sending did. */
function asUnknown(failure: unknown, mayHaveRun: boolean): unknown {
  if (!mayHaveRun || !(failure instanceof SluiceError) || failure.outcome === 'unknown') {
    return failure
  }
  const { message, retryable } = failure
  return new EngineUnavailableError(message, { outcome: 'unknown', retryable, cause: failure })
}
