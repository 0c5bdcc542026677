import type { Deadline, Deadlines } from '../deadlines.ts'
import { EngineUnavailableError } from '../errors.ts'
import { KEYED, type Kind, NAMED, PLAIN } from './add-kinds.ts'
import type { Demand } from './add-store.ts'
import { Confirmations } from './durability.ts'
import { NotDurableError, QueueFullError } from './errors.ts'
import type { InTurn } from './in-turn.ts'
import type { NamedAdd, NamedJob } from './record-store.ts'
import { type Limits, thoseThatFit } from './room.ts'
import { partlyAdded, Sender, type Sent } from './sender.ts'
import type { NewJob, QueueStore } from './store.ts'
import type { KeyedJob } from './strand-store.ts'
import type { Together } from './together.ts'
import { endOfTurn } from './turn.ts'

interface Waiting {
  kind: Kind<NewJob, unknown>
  jobs: NewJob[]
  /** What has to have them before their adder is answered. */
  demand: Demand | null
  /** Part of a batch that has left, or is about to. */
  underWay: boolean
  resolve: (answers: never[]) => void
  reject: (error: unknown) => void
  deadline: Deadline
  /** With what else it has that deadline; null for one of its own. */
  together: Together | null
  /** Of those that take several calls. */
  addedCount: number
  /** Its adder was told that the deadline is over. */
  isOver: boolean
}

/** So many callers, or jobs of one, make it worth to send them before the batch in front is answered. */
const FEWEST_BEHIND = 25

/**
 * Adds jobs in the order of the calls. One batch is under way at a time, or, where many add, two of which the
 * store refuses the second one unless it has the first: so order is kept and a batch whose answer was lost can
 * be recognised. What is added meanwhile goes with the next.
 */
export class Producer {
  private readonly queue: string
  private readonly sender: Sender
  private readonly deadlines: Deadlines
  /** Consumers of this process that have nothing to do. */
  private readonly idle: InTurn
  private readonly limits: Limits
  private readonly confirmations: Confirmations
  private readonly waiting: Waiting[] = []
  private isRunning = false

  constructor(
    store: QueueStore,
    deadlines: Deadlines,
    queue: string,
    id: string,
    limits: Limits,
    idle: InTurn,
  ) {
    this.deadlines = deadlines
    this.queue = queue
    this.sender = new Sender(store, queue, id, limits)
    this.limits = limits
    this.idle = idle
    this.confirmations = new Confirmations((isNamed, demand, first, sequence) =>
      store.confirm({ queue, producer: id, first, sequence, isNamed, demand }),
    )
  }

  add(jobs: NewJob[], demand: Demand | null, together: Together | null): Promise<string[]> {
    return this.addOfKind(PLAIN, jobs, demand, together)
  }

  /** One plain job. @param give what its adder gets for the id */
  addOne<Given>(job: NewJob, give: (id: string) => Given): Promise<Given> {
    return new Promise((resolve, reject) => {
      this.enqueue(PLAIN, [job], null, null, (ids) => resolve(give(ids[0] ?? '')), reject)
    })
  }

  addNamed(
    jobs: NamedJob[],
    demand: Demand | null,
    together: Together | null,
  ): Promise<NamedAdd[]> {
    return this.addOfKind(NAMED, jobs, demand, together)
  }

  addKeyed(jobs: KeyedJob[], together: Together | null): Promise<(string | null)[]> {
    return this.addOfKind(KEYED, jobs, null, together)
  }

  private addOfKind<Job extends NewJob, Answer>(
    kind: Kind<Job, Answer>,
    jobs: Job[],
    demand: Demand | null,
    together: Together | null,
  ): Promise<Answer[]> {
    return new Promise((resolve, reject) =>
      this.enqueue(kind, jobs, demand, together, resolve, reject),
    )
  }

  private enqueue<Job extends NewJob, Answer>(
    kind: Kind<Job, Answer>,
    jobs: Job[],
    demand: Demand | null,
    together: Together | null,
    resolve: (answers: Answer[]) => void,
    reject: Waiting['reject'],
  ): void {
    const one: Waiting = {
      kind: kind as unknown as Waiting['kind'],
      jobs,
      demand,
      underWay: false,
      resolve,
      reject,
      deadline: (together ?? this.deadlines).begin(() => this.expire(one)),
      together,
      addedCount: 0,
      isOver: false,
    }
    this.waiting.push(one)
    if (!this.isRunning) void this.run()
  }

  private endDeadline({ together, deadline }: Waiting): void {
    const deadlines = together ?? this.deadlines
    deadlines.end(deadline)
  }

  /** Those of one adder take several calls: whether the next one is sent. */
  private goesOn(one: Waiting, addedCount: number): boolean {
    // It has been told that nobody knows: what was not sent by then is not added behind its back.
    if (one.isOver) return false
    one.addedCount = addedCount
    this.goOn(one)
    return true
  }

  /** Some of it was answered, and the rest has as long again. */
  private goOn(one: Waiting): void {
    if (one.together) return one.together.goOn()
    this.deadlines.end(one.deadline)
    one.deadline = this.deadlines.begin(() => this.expire(one))
  }

  /** Its place is left to the next batch: taking many out one by one would hold up the event loop for seconds. */
  private expire(one: Waiting): void {
    one.isOver = true
    const [outcome, state] = one.underWay
      ? (['unknown', 'is under way without an answer'] as const)
      : (['not-applied', 'still waited for those added before'] as const)
    const error = new EngineUnavailableError(
      `Queue ${JSON.stringify(this.queue)}: what was added ${state} at the deadline.`,
      { outcome },
    )
    const { addedCount, jobs } = one
    one.reject(addedCount > 0 ? partlyAdded(error, addedCount, jobs.length) : error)
    if (!one.underWay) one.jobs = []
  }

  private async run(): Promise<void> {
    this.isRunning = true
    // What is added in this tick, and by the promises that it settles, goes into the first batch.
    const turn = endOfTurn()
    // Its turn ends behind ours, and so it calls behind us.
    this.wakeIdle()
    await turn
    let sent: Sent | null = null
    for (;;) {
      const before: Sent | null = sent?.isSettled === false ? sent : null
      if (before && !this.mayLeaveBehind(before)) {
        await before.settled
        continue
      }
      if (this.waiting.length === 0) break
      if (sent) this.wakeIdle()
      const batch = this.nextBatch(before === null)
      if (batch.length === 0) continue
      sent = this.send(batch, before)
      if (before) await before.settled
      // It leaves as a call of its own; or those who were told what became of the one before add again.
      if (before || this.mayLeaveBehind(sent)) await endOfTurn()
    }
    this.isRunning = false
  }

  /** Whether enough waits to leave now, by what the store then refuses if `before` was not added. */
  private mayLeaveBehind({ followed }: Sent): boolean {
    const first = this.waiting.find(({ isOver }) => !isOver)
    if (!first || first.kind !== followed || first.jobs.length > followed.most) return false
    return this.waiting.length >= FEWEST_BEHIND || first.jobs.length >= FEWEST_BEHIND
  }

  private send(batch: Waiting[], before: Sent | null): Sent {
    const [{ kind, jobs }] = batch as [Waiting]
    const sent: Sent = {
      followed: jobs.length <= kind.most && this.sender.takesTwo(kind) ? kind : null,
      isSettled: false,
      settled: this.sendBatch(batch, this.sender.nextNumber(), before).then(() => {
        sent.isSettled = true
      }),
    }
    return sent
  }

  /**
   * The claim of a consumer that is woken now leaves with the jobs, behind them: it saves the way to
   * the engine's wake-up and back. Where it comes too early, that wake-up still comes.
   */
  private wakeIdle(): void {
    const [first] = this.waiting[0]?.jobs ?? []
    if (first && first.delayMs === 0 && first.dueAtMs === undefined) this.idle.wakeNext()
  }

  /**
   * Those from the first on that one call takes; half of them if it is the only one, and both halves are
   * worth one. Who was told that the deadline is over goes, too.
   */
  private nextBatch(isOnly: boolean): Waiting[] {
    let kind: Waiting['kind'] | null = null
    let jobs = 0
    let end = 0
    let overCount = 0
    const { length } = this.waiting
    const half = isOnly && length >= 2 * FEWEST_BEHIND ? length / 2 : length
    for (const one of this.waiting) {
      if (kind !== null && end >= half && this.sender.takesTwo(kind)) break
      if (one.isOver) {
        overCount++
      } else {
        jobs += one.jobs.length
        if (kind !== null && (one.kind !== kind || jobs > kind.most)) break
        kind = one.kind
        one.underWay = true
      }
      end++
    }
    const first = this.waiting.splice(0, end)
    return overCount === 0 ? first : first.filter(({ isOver }) => !isOver)
  }

  private async sendBatch(batch: Waiting[], sequence: number, before: Sent | null): Promise<void> {
    const [first] = batch as [Waiting]
    const jobs = batch.flatMap((one) => one.jobs)
    try {
      const added = await this.sender.send(first.kind, jobs, sequence, before, (count) =>
        this.goesOn(first, count),
      )
      let start = 0
      let last: Together | null = null
      for (const one of batch) {
        this.endDeadline(one)
        // Those of one call stand side by side.
        if (one.together && one.together !== last) one.together.goOn()
        last = one.together
        const own = added.answers.slice(start, start + one.jobs.length) as never[]
        if (one.demand) this.resolveWhenSafe(one, one.demand, own, added.sequence)
        else one.resolve(own)
        start += one.jobs.length
      }
    } catch (error) {
      const isFull = error instanceof QueueFullError
      // Only the store knows which names are new: each is tried by itself.
      if (isFull && batch.length > 1 && (first.kind as unknown) === NAMED) {
        for (const one of batch) await this.sendBatch([one], this.sender.nextNumber(), null)
        return
      }
      const fitting = isFull ? thoseThatFit(batch, this.limits, error) : []
      for (const one of batch.slice(fitting.length)) {
        this.endDeadline(one)
        one.reject(error)
      }
      // Refused, its number is free; and the next one may be under way already.
      if (fitting.length > 0) await this.sendBatch(fitting, sequence, null)
    }
  }

  /** Meanwhile the next batch leaves. */
  private resolveWhenSafe(one: Waiting, demand: Demand, answers: never[], sequence: number): void {
    const isNamed = (one.kind as unknown) === NAMED
    this.confirmations.until(isNamed, demand, sequence).then(
      () => one.resolve(answers),
      (error: unknown) => {
        const ids = isNamed ? (one.jobs as NamedJob[]).map(({ name }) => name) : answers
        one.reject(new NotDurableError(this.queue, ids, error))
      },
    )
  }
}
