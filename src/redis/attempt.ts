import { ArgumentError } from '../errors.ts'
import { describe } from '../text.ts'
import type { RedisConnections } from './client.ts'
import { type Command, type ReadyCommand, readCommand } from './command.ts'
import { Again, commit, isElsewhere } from './commit.ts'
import {
  Queued,
  type Resolved,
  resolveDiscarded,
  resolveQueued,
  type Transaction,
} from './queued.ts'
import { asReply } from './replies.ts'
import type { ReplyOf } from './reply-types.ts'
import { type Session, SessionLost } from './session.ts'

/** Keys that are watched together. In a cluster all of them have one slot, which is the group. */
export interface WatchedKeys {
  readonly keys: readonly string[]
  readonly group: number
}

/** One run of the callback, on a session that watches the keys. */
export class Attempt implements Transaction {
  readonly attempt: number
  private readonly redis: RedisConnections
  private readonly session: Session
  private readonly watched: WatchedKeys
  private readonly queued: ReadyCommand[] = []
  private trouble: Again | null = null
  private isDiscarded = false
  private isOver = false

  constructor(attempt: number, redis: RedisConnections, session: Session, watched: WatchedKeys) {
    this.attempt = attempt
    this.redis = redis
    this.session = session
    this.watched = watched
  }

  /** Before the callback runs: what it reads in other ways is watched as well. */
  async watch(): Promise<void> {
    await this.send('WATCH', this.watched.keys)
  }

  async read<const Words extends Command>(...words: Words): Promise<ReplyOf<Words[0]>> {
    this.assertRunning('read')
    const command = readCommand(words, 'tx.read')
    await this.checkRead(command)
    const reply = await this.send(command.name, command.args)
    return asReply(command.name, reply) as ReplyOf<Words[0]>
  }

  queue<const Words extends Command>(...words: Words): Queued<ReplyOf<Words[0]>> {
    this.assertRunning('queue')
    const at = this.queued.length
    this.queued.push(readCommand(words, `tx.queue[${at}]`))
    return new Queued(at)
  }

  discard(): null
  discard<Value>(value: Value): Value
  discard(value: unknown = null): unknown {
    this.assertRunning('discard')
    this.isDiscarded = true
    return value
  }

  /** The callback has returned: writes what it queued. */
  async end<Value>(value: Value): Promise<{ value: Resolved<Value> } | Again> {
    this.isOver = true
    if (this.isDiscarded) {
      const resolved = resolveDiscarded(value)
      await this.unwatch()
      return { value: resolved }
    }
    await this.checkQueued()
    if (this.session.isLost) this.trouble ??= new Again(new SessionLost('the connection was lost'))
    if (this.trouble) return this.trouble
    const { commandTimeoutMs } = this.redis
    const answers = await commit(this.session, this.watched.keys, this.queued, commandTimeoutMs)
    if (answers instanceof Again) return answers
    return { value: resolveQueued(value, (index) => answers[index]) }
  }

  /** The callback has thrown. What the loss of its connection made it throw is no error of its own. */
  async fail(error: unknown): Promise<Again> {
    this.isOver = true
    if (this.trouble) return this.trouble
    await this.unwatch()
    throw error
  }

  private async unwatch(): Promise<void> {
    // If it fails, the session is over, and with it what was watched.
    await this.send('UNWATCH', []).catch(() => this.session.close())
  }

  private async send(command: string, args: readonly string[]): Promise<unknown> {
    try {
      return await this.session.send(command, args, this.redis.commandTimeoutMs)
    } catch (error) {
      if (error instanceof SessionLost || isElsewhere(error)) this.trouble ??= new Again(error)
      throw error
    }
  }

  private assertRunning(method: string): void {
    if (!this.isOver && !this.isDiscarded) return
    throw new ArgumentError(
      `tx.${method}`,
      'called before the callback ends or discards',
      'a later call',
      'Await everything that the callback does.',
    )
  }

  private async checkRead(command: ReadyCommand): Promise<void> {
    const { commands: table } = this.redis
    await table.learn([command])
    const shape = table.shapeOf(command)
    if (shape && !shape.isRead) {
      throw new ArgumentError('tx.read', 'a command that only reads', command.name, 'Use tx.queue.')
    }
    table.check(command, 'tx.read')
    const { keys } = this.watched
    for (const key of await table.keysOf(command)) {
      if (keys.includes(key)) continue
      throw new ArgumentError(
        'tx.read',
        'a command on the keys of the transaction',
        describe(key),
        'Name it among the keys: changes of others go unnoticed.',
      )
    }
  }

  private async checkQueued(): Promise<void> {
    const { commands: table, isCluster, servers } = this.redis
    await table.learn(this.queued)
    for (const [at, command] of this.queued.entries()) {
      const argument = `tx.queue[${at}]`
      table.check(command, argument)
      if (!isCluster) continue
      for (const key of await table.keysOf(command)) {
        if (servers.groupOf(key) === this.watched.group) continue
        throw otherSlot(argument, this.watched.keys[0] ?? '', key)
      }
    }
  }
}

/** In a cluster a transaction is within one server. */
export const otherSlot = (argument: string, key: string, other: string) =>
  new ArgumentError(
    argument,
    `of the same slot as ${describe(key)}`,
    describe(other),
    'Give keys that belong together one hash tag: {order:1}:items and {order:1}:sum.',
  )
