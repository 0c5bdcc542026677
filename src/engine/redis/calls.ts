import type { Clock } from '../../clock.ts'
import { EngineUnavailableError, SluiceError } from '../../errors.ts'
import { fromReply, isNotNow, isReplyError } from './failures.ts'
import { type AnyScript, decodeReply, encodeArgs, type Script } from './script.ts'
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

/** How an answer came about. */
export interface Sent {
  /** The caller's monotonic time from before the call first left. */
  sentAtMs: number
  /** It was sent before, and that answer was lost: this one may be of the repeat. */
  mayHaveRun: boolean
}

interface Attempt extends Sent {
  deadlineMs: number
}

/** Bounds of one script call, so that no call holds the server for long. */
const MOST_ITEMS = 256
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
  private readonly waiting = new Map<AnyScript, Map<number, Item[]>>()
  private readonly idleListeners: (() => void)[] = []
  private underWay = 0
  /** Random at first: answers that belong to another client's calls are to be told from ours. */
  private callNumber = Math.floor(Math.random() * 2 ** 32)

  /** @param facts what scripts that `USE facts` are told once a call: self, inbox, counted, floor */
  constructor(
    servers: Pick<Servers, 'groupOf' | 'call'>,
    clock: Clock,
    timeoutMs: number,
    writes: WriteEvents,
    facts: () => string[],
  ) {
    this.writes = writes
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
    const keyList: string[] = []
    for (const name of plain.keys) keyList.push((keys as Record<string, string>)[name] ?? '')
    const encoded: string[] = []
    encodeArgs(plain, args as Record<string, unknown>, encoded)
    return new Promise((resolve, reject) => {
      this.enqueue(plain, { keys: keyList, args: encoded, resolve, reject })
    })
  }

  private enqueue(script: AnyScript, item: Item): void {
    if (this.waiting.size === 0) this.flushSoon()
    let groups = this.waiting.get(script)
    if (!groups) {
      groups = new Map()
      this.waiting.set(script, groups)
    }
    const group = this.servers.groupOf(item.keys[0] ?? '')
    const items = groups.get(group)
    if (!items) groups.set(group, [item])
    else if (items.push(item) >= ENOUGH_ITEMS) {
      groups.delete(group)
      void this.run(script, group, items)
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
    queueMicrotask(() => process.nextTick(() => this.flush()))
  }

  private flush(): void {
    const batches = [...this.waiting]
    this.waiting.clear()
    for (const [script, groups] of batches) {
      for (const [group, items] of groups) {
        for (const chunk of chunks(items)) void this.run(script, group, chunk)
      }
    }
  }

  private async run(script: AnyScript, group: number, items: Item[]): Promise<void> {
    this.underWay++
    const attempt: Attempt = {
      deadlineMs: performance.now() + this.timeoutMs,
      sentAtMs: this.clock.monotonicMs(),
      mayHaveRun: false,
    }
    let open = items
    try {
      while (open.length > 0) {
        const replies = await this.send(script, group, open, attempt)
        open = this.settle(script, group, open, replies, attempt)
        if (open.length > 0) await pause()
      }
    } catch (error) {
      for (const item of open) item.reject(error)
    } finally {
      this.underWay--
      for (const listener of this.idleListeners.splice(0)) listener()
    }
  }

  /** Returns the items that the server refused to write for now, as long as there is time for them. */
  private settle(
    script: AnyScript,
    group: number,
    items: Item[],
    replies: readonly unknown[],
    attempt: Attempt,
  ): Item[] {
    let refusal: string | null = null
    const refused = items.filter((item, index) => {
      // The first is the number of the call.
      const raw = replies[index + 1]
      refusal = refusalOf(raw) ?? refusal
      if (refusalOf(raw) !== null && hasTime(attempt)) return true
      settleItem(script, item, raw, attempt)
      return false
    })
    if (refusal !== null) this.writes.onRefused(group, refusal)
    else this.writes.onServed(script)
    return refused
  }

  /** Sends until answered, as far as the script's `repeat` and the deadline allow. */
  private async send(
    script: AnyScript,
    group: number,
    items: Item[],
    attempt: Attempt,
  ): Promise<readonly unknown[]> {
    const rest = this.argumentsOf(script, items)
    for (;;) {
      try {
        return await this.evaluate(script, group, rest, attempt.deadlineMs)
      } catch (error) {
        const failure = isReplyError(error)
          ? fromReply(error.message, `script ${script.name}`, items[0]?.keys)
          : error
        const mayRepeat = isUnavailable(failure) && failure.retryable
        if (!mayRepeat) throw asUnknown(failure, attempt.mayHaveRun)
        if (failure.outcome === 'unknown') {
          if (script.repeat === 'unsafe') throw failure
          attempt.mayHaveRun = true
        }
        if (!hasTime(attempt)) throw asUnknown(failure, attempt.mayHaveRun)
        await pause()
      }
    }
  }

  /** Number of keys, keys, number of the call, time, facts, and what each item says. */
  private argumentsOf(script: AnyScript, items: Item[]): string[] {
    const nowUs = this.clock.storeUs()
    const all = [String(items.length * script.keys.length)]
    for (const { keys } of items) for (const key of keys) all.push(key)
    all.push(String(this.callNumber++))
    all.push(nowUs === null ? '' : String(nowUs))
    if (script.facts) all.push(...this.facts())
    for (const { args } of items) for (const arg of args) all.push(arg)
    return all
  }

  private async evaluate(
    script: AnyScript,
    group: number,
    rest: string[],
    deadlineMs: number,
  ): Promise<readonly unknown[]> {
    const ask = (command: string, named: string) =>
      this.servers.call(group, command, [named, ...rest], deadlineMs) as Promise<unknown[]>
    try {
      return await ask('EVALSHA', script.sha1)
    } catch (error) {
      if (!isReplyError(error) || !error.message.startsWith('NOSCRIPT')) throw error
      return await ask('EVAL', script.body)
    }
  }
}

function* chunks(items: Item[]): Generator<Item[]> {
  let start = 0
  let bytes = 0
  for (const [index, { args }] of items.entries()) {
    const size = sizeOf(args)
    if (index > start && (index - start >= MOST_ITEMS || bytes + size > MOST_BYTES)) {
      yield items.slice(start, index)
      start = index
      bytes = 0
    }
    bytes += size
  }
  yield start === 0 ? items : items.slice(start)
}

function sizeOf(args: string[]): number {
  let bytes = 0
  for (const text of args) bytes += text.length + 16
  return bytes
}

function settleItem(script: AnyScript, item: Item, raw: unknown, sent: Sent): void {
  try {
    if (Array.isArray(raw) && raw[0] === 'failed') {
      throw fromReply(String(raw[1]), `script ${script.name}`, item.keys)
    }
    const reply = decodeReply(script, raw) as { tag: string } & Partial<Sent>
    reply.sentAtMs = sent.sentAtMs
    reply.mayHaveRun = sent.mayHaveRun
    item.resolve(reply as never)
  } catch (error) {
    item.reject(asUnknown(error, sent.mayHaveRun))
  }
}

/** A repeat that leaves too late to be answered ends a socket that is well. */
const LEAST_TIME_MS = 50

const hasTime = ({ deadlineMs }: Attempt) =>
  performance.now() + NOT_NOW_PAUSE_MS + LEAST_TIME_MS < deadlineMs

const pause = () => new Promise<void>((resolve) => setTimeout(resolve, NOT_NOW_PAUSE_MS))

/** The first write of the script was refused, so nothing was written. */
function refusalOf(raw: unknown): string | null {
  if (!Array.isArray(raw) || raw[0] !== 'failed') return null
  const reply = String(raw[1])
  return isNotNow(reply) ? reply : null
}

const isUnavailable = (failure: unknown): failure is EngineUnavailableError =>
  failure instanceof EngineUnavailableError

/** A repeat that failed plainly does not tell what the first sending did. */
function asUnknown(failure: unknown, mayHaveRun: boolean): unknown {
  if (!mayHaveRun || !(failure instanceof SluiceError) || failure.outcome === 'unknown') {
    return failure
  }
  const { message, retryable } = failure
  return new EngineUnavailableError(message, { outcome: 'unknown', retryable, cause: failure })
}
