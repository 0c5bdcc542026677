import type { Clock } from '../../clock.ts'
import { EngineUnavailableError } from '../../errors.ts'
import { type Asker, Batch, goesWith, Item, sizeOf } from './batch.ts'
import { PlainCall } from './call-line.ts'
import { asCallFailure, asUnknown, fromReply, isNotNow, isReplyError } from './failures.ts'
import {
  type AnyScript,
  areAlike,
  decodeReply,
  type Facts,
  ItemWriter,
  type Script,
  type Sent,
} from './script.ts'
import type { Servers } from './servers.ts'

/** Whether the servers take writes. Some that do not answer everything else. */
export interface WriteEvents {
  onRefused(group: number, reply: string): void
  onServed(script: AnyScript): void
}

/** No call holds the server for long. */
const MOST_BYTES = 1 << 20
/**
 * So many are sent before the tick is over: the server works on them while this process is busy
 * with the rest, instead of one waiting for the other. 100 in flight are two equal calls, and nearly twice as many.
 */
const ENOUGH_ITEMS = 50
/** Pause before a script is tried again that the server refused with "not now". */
const NOT_NOW_PAUSE_MS = 25

/**
 * Runs scripts: calls of one tick to one group of keys become one `EVALSHA`, each item answered for
 * itself. On one server all keys are of one group; in a cluster each slot is one.
 */
export class ScriptCalls {
  private readonly servers: Pick<Servers, 'groupOf' | 'take'>
  private readonly clock: Clock
  private readonly timeoutMs: number
  private readonly writes: WriteEvents
  private readonly facts: () => Facts
  private readonly sharedKey: (kind: string, group: number) => string
  private readonly writer = new ItemWriter()
  /** By group: what is sent when the tick is over. */
  private waiting = new Map<number, Batch[]>()
  private readonly idleListeners: (() => void)[] = []
  private underWay = 0
  /** Random at first: answers that belong to another client's calls are to be told from ours. */
  private callNumber = Math.floor(Math.random() * 2 ** 32)

  /**
   * @param facts what scripts that `USE facts` are told once a call
   * @param sharedKey the key that scripts `SHARES` with all items of a group
   */
  constructor(
    servers: Pick<Servers, 'groupOf' | 'take'>,
    clock: Clock,
    timeoutMs: number,
    writes: WriteEvents,
    facts: () => Facts,
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
    return new Promise((resolve, reject) => this.tell(script, keys, args, { resolve, reject }))
  }

  /**
   * The same for one of many: without a promise for each, which would be kept until it is answered.
   *
   * @param isFull it is worth a call of its own, and leaves at once behind what was called before. With others it would be
   *   answered when they are, and this process would do nothing until then
   */
  tell<Keys, Args, Reply>(
    script: Script<Keys, Args, Reply>,
    keys: Keys,
    args: Args,
    asker: Asker<Reply>,
    isFull = false,
  ): void {
    const plain = script as unknown as AnyScript
    const item = this.itemOf(script, keys, args, asker)
    if (!isFull) return this.enqueue(plain, item)
    this.flush()
    this.start(new Batch(plain, this.servers.groupOf(item.keys[0] ?? ''), item, 0))
  }

  /** The same, but where no other is under way it leaves at once: then there is nothing to share a call with. */
  readonly callAtOnce: ScriptCalls['call'] = (script, keys, args) =>
    new Promise((resolve, reject) => {
      const plain = script as unknown as AnyScript
      const item = this.itemOf(script, keys, args, { resolve, reject })
      if (this.underWay > 0 || this.waiting.size > 0) this.enqueue(plain, item)
      else this.start(new Batch(plain, this.servers.groupOf(item.keys[0] ?? ''), item, 0))
    })

  private itemOf<Keys, Args, Reply>(
    script: Script<Keys, Args, Reply>,
    keys: Keys,
    args: Args,
    asker: Asker<Reply>,
  ): Item {
    return new Item(this.writer.write(script as unknown as AnyScript, keys, args), asker)
  }

  /** What is sent with a script for one item, by someone else than us. */
  wordsOf<Keys, Args, Reply>(
    script: Script<Keys, Args, Reply>,
    keys: Keys,
    args: Args,
  ): { keys: string[]; args: string[] } {
    const plain = script as unknown as AnyScript
    const item = new Item(this.writer.write(plain, keys, args), NOBODY)
    const group = this.servers.groupOf(item.keys[0] ?? '')
    const [, keyCount, ...words] = this.argumentsOf(plain, group, [item])
    return { keys: words.slice(0, Number(keyCount)), args: words.slice(Number(keyCount)) }
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
    const index = batches.findIndex((batch) => batch.script === script && goesWith(batch, item))
    const batch = batches[index]
    if (!batch) batches.push(new Batch(script, group, item, bytes))
    else if (batch.bytes + bytes > MOST_BYTES) {
      batches[index] = new Batch(script, group, item, bytes)
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
    const { waiting } = this
    // Another map: one that is cleared holds on to all that was in it until the next full collection.
    this.waiting = new Map()
    for (const batches of waiting.values()) for (const batch of batches) this.start(batch)
    this.tellIdle()
  }

  private start(batch: Batch): void {
    this.underWay++
    batch.deadlineMs = performance.now() + this.timeoutMs
    batch.sentAtMs = this.clock.monotonicMs()
    this.send(batch, this.argumentsOf(batch.script, batch.group, batch.items))
  }

  private send(batch: Batch, args: string[]): void {
    const { script, group, deadlineMs } = batch
    const answered = (reply: unknown) => this.settle(batch, repliesOf(reply))
    const failed = (error: unknown) => this.recover(batch, args, error)
    const unknown = (error: unknown) => {
      if (!isReplyError(error) || !error.message.startsWith('NOSCRIPT')) return failed(error)
      const withBody = [script.body, ...args.slice(1)]
      this.servers.take(group, new PlainCall('EVAL', withBody, deadlineMs, answered, failed))
    }
    this.servers.take(group, new PlainCall('EVALSHA', args, deadlineMs, answered, unknown))
  }

  /** Answers every item but those that the server refused to write for now, if there is time for them. */
  private settle(batch: Batch, replies: readonly unknown[]): void {
    const { script, group, items } = batch
    const first = script.tellsNow ? 2 : 1
    batch.nowUs = script.tellsNow ? Number(replies[1]) : 0
    let refusal: string | null = null
    const refused: Item[] = []
    for (let index = 0; index < items.length; index++) {
      const item = items[index] as Item
      const raw = replies[first + index]
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
  private recover(batch: Batch, args: string[], error: unknown): void {
    const { script, items } = batch
    const failure = asCallFailure(error, `script ${script.name}`, items[0]?.keys)
    if (mayRepeat(script, failure)) {
      if (failure.outcome === 'unknown') batch.mayHaveRun = true
      if (hasTime(batch)) return afterPause(() => this.send(batch, args))
    }
    for (const item of items) reject(item, failure, batch)
    this.end()
  }

  private end(): void {
    this.underWay--
    this.tellIdle()
  }

  private tellIdle(): void {
    if (this.idleListeners.length === 0) return
    for (const listener of this.idleListeners.splice(0)) listener()
  }

  /** The script, number of keys, keys, number of the call, time in 16 digits, facts, what all items share, and each. */
  private argumentsOf(script: AnyScript, group: number, items: Item[]): string[] {
    const { shares } = script
    const nowUs = this.clock.storeUs()
    // A literal here, the compiler comes to make old from the start: then every text in it stays
    // until the next full collection, though the call is over. A copy is young.
    const all = NO_TEXT.slice()
    all.push(script.sha1, '')
    for (const { keys } of items) for (const key of keys) all.push(key)
    if (shares !== null) all.push(this.sharedKey(shares, group))
    all[1] = String(all.length - 2)
    all.push(String(this.callNumber++))
    all.push(nowUs === null ? '' : String(nowUs).padStart(16, '0'))
    if (script.facts.length > 0) {
      const facts = this.facts()
      for (const fact of script.facts) all.push(facts[fact])
    }
    for (const text of items[0]?.once ?? []) all.push(text)
    for (const { args } of areAlike(items) ? items.slice(0, 1) : items) {
      for (const arg of args) all.push(arg)
    }
    return all
  }
}

const settled = Promise.resolve()
const NOBODY: Asker<unknown> = { resolve() {}, reject() {} }
const NO_TEXT: readonly string[] = []

/** Answers that are all plain come as one text. The first is the number of the call, then the time if that is told. */
const repliesOf = (reply: unknown): readonly unknown[] =>
  Array.isArray(reply) ? reply : String(reply).split(' ')

function answer(script: AnyScript, item: Item, raw: unknown, sent: Sent): void {
  try {
    item.asker.resolve(decodeReply(script, raw, sent) as never)
  } catch (error) {
    reject(item, error, sent)
  }
}

const reject = (item: Item, failure: unknown, { mayHaveRun }: Sent) =>
  item.asker.reject(asUnknown(failure, mayHaveRun))

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
