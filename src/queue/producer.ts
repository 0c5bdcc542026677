import type { Deadline, Deadlines } from '../deadlines.ts'
import { EngineUnavailableError, InternalError } from '../errors.ts'
import { KEYED, type Kind, NAMED, PLAIN } from './add-kinds.ts'
import type { Demand } from './add-store.ts'
import { Confirmations } from './durability.ts'
import { NotDurableError, QueueFullError } from './errors.ts'
import type { InTurn } from './in-turn.ts'
import type { NamedAdd, NamedJob } from './record-store.ts'
import { type Limits, thoseThatFit } from './room.ts'
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

/** All of one call would be told as not added, and some are. */
export function partlyAdded(cause: unknown, added: number, all: number): EngineUnavailableError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new EngineUnavailableError(
    `The first ${added} of ${all} jobs were added, then: ${reason}`,
    {
      outcome: 'unknown',
      cause,
    },
  )
}

/**
 * Adds jobs in the order of the calls. One batch is under way at a time, so order is kept and a
 * batch whose answer was lost can be recognised; what is added meanwhile goes with the next.
 */
export class Producer {
  private readonly store: QueueStore
  private readonly queue: string
  private readonly id: string
  private readonly deadlines: Deadlines
  /** Consumers of this process that have nothing to do. */
  private readonly idle: InTurn
  private readonly limits: Limits
  private readonly confirmations: Confirmations
  private readonly waiting: Waiting[] = []
  private sequence = 0
  private running: Promise<void> | null = null

  constructor(
    store: QueueStore,
    deadlines: Deadlines,
    queue: string,
    id: string,
    limits: Limits,
    idle: InTurn,
  ) {
    this.store = store
    this.deadlines = deadlines
    this.queue = queue
    this.id = id
    this.limits = limits
    this.idle = idle
    this.confirmations = new Confirmations((isNamed, demand, sequence) =>
      store.confirm({ queue, producer: id, sequence, isNamed, demand }),
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
    this.running ??= this.run()
  }

  private endDeadline({ together, deadline }: Waiting): void {
    const deadlines = together ?? this.deadlines
    deadlines.end(deadline)
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

  /** Resolves when every add so far is settled. */
  async settled(): Promise<void> {
    await this.running
  }

  private async run(): Promise<void> {
    // What is added in this tick, and by the promises that it settles, goes into the first batch.
    const turn = endOfTurn()
    // Its turn ends behind ours, and so it calls behind us.
    this.wakeIdle()
    await turn
    while (this.waiting.length > 0) {
      const batch = this.nextBatch()
      if (batch.length > 0) await this.sendBatch(batch)
      this.wakeIdle()
    }
    this.running = null
  }

  /**
   * The claim of a consumer that is woken now leaves with the jobs, behind them: it saves the way to
   * the engine's wake-up and back. Where it comes too early, that wake-up still comes.
   */
  private wakeIdle(): void {
    const [first] = this.waiting[0]?.jobs ?? []
    if (first && first.delayMs === 0 && first.dueAtMs === undefined) this.idle.wakeNext()
  }

  /** Those from the first on that one call takes. Who was told that the deadline is over goes, too. */
  private nextBatch(): Waiting[] {
    let kind: Waiting['kind'] | null = null
    let jobs = 0
    let end = 0
    let overCount = 0
    for (const one of this.waiting) {
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

  private async sendBatch(batch: Waiting[]): Promise<void> {
    try {
      const answers = await this.addAll(batch)
      let start = 0
      let last: Together | null = null
      for (const one of batch) {
        this.endDeadline(one)
        // Those of one call stand side by side.
        if (one.together && one.together !== last) one.together.goOn()
        last = one.together
        const own = answers.slice(start, start + one.jobs.length) as never[]
        if (one.demand) this.resolveWhenSafe(one, one.demand, own)
        else one.resolve(own)
        start += one.jobs.length
      }
    } catch (error) {
      const isFull = error instanceof QueueFullError
      // Only the store knows which names are new: each is tried by itself.
      if (isFull && batch.length > 1 && (batch[0]?.kind as unknown) === NAMED) {
        for (const one of batch) await this.sendBatch([one])
        return
      }
      const fitting = isFull ? thoseThatFit(batch, this.limits, error) : []
      for (const one of batch.slice(fitting.length)) {
        this.endDeadline(one)
        one.reject(error)
      }
      if (fitting.length > 0) await this.sendBatch(fitting)
    }
  }

  /** Meanwhile the next batch leaves. */
  private resolveWhenSafe(one: Waiting, demand: Demand, answers: never[]): void {
    const isNamed = (one.kind as unknown) === NAMED
    this.confirmations.until(isNamed, demand, this.sequence).then(
      () => one.resolve(answers),
      (error: unknown) => {
        const ids = isNamed ? (one.jobs as NamedJob[]).map(({ name }) => name) : answers
        one.reject(new NotDurableError(this.queue, ids, error))
      },
    )
  }

  /** More jobs than one call may carry, which are those of one adder, take several calls. */
  private async addAll(batch: Waiting[]): Promise<unknown[]> {
    const [first] = batch
    const kind = first?.kind ?? PLAIN
    const jobs = batch.flatMap((one) => one.jobs)
    const answers: unknown[] = []
    for (let start = 0; start < jobs.length; start += kind.most) {
      if (first && start > 0) {
        // It has been told that nobody knows: what was not sent by then is not added behind its back.
        if (first.isOver) break
        first.addedCount = answers.length
        this.goOn(first)
      }
      const part = jobs.slice(start, start + kind.most)
      const request = {
        queue: this.queue,
        producer: this.id,
        sequence: ++this.sequence,
        jobs: part,
        ...this.limits,
      }
      const added = await kind.call(this.store, request).catch((error: unknown) => {
        throw answers.length > 0 ? partlyAdded(error, answers.length, jobs.length) : error
      })
      if (added.length !== part.length)
        throw new InternalError('A batch of jobs was out of sequence.')
      answers.push(...added)
    }
    return answers
  }
}
