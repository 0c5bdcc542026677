import type { Deadline, Deadlines } from '../deadlines.ts'
import { EngineUnavailableError, InternalError } from '../errors.ts'
import type { Demand } from './add-store.ts'
import { Confirmations } from './durability.ts'
import { NotDurableError, QueueFullError } from './errors.ts'
import type { InTurn } from './in-turn.ts'
import type { NamedAdd, NamedJob } from './record-store.ts'
import { type Limits, thoseThatFit } from './room.ts'
import type { AddRequest, NewJob, QueueStore } from './store.ts'
import type { KeyedJob } from './strand-store.ts'
import { endOfTurn } from './turn.ts'

/** One call of the store, and how many jobs it takes. Those of a batch are of one kind. */
interface Kind<Job, Answer> {
  most: number
  call(store: QueueStore, request: Omit<AddRequest, 'jobs'> & { jobs: Job[] }): Promise<Answer[]>
}

const PLAIN: Kind<NewJob, string> = { most: 1_000, call: (store, request) => store.add(request) }
const NAMED: Kind<NamedJob, NamedAdd> = {
  most: 100,
  call: (store, request) => store.addNamed(request),
}

const KEYED: Kind<KeyedJob, string | null> = {
  most: 100,
  call: (store, request) => store.addKeyed(request),
}

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

  add(jobs: NewJob[], demand: Demand | null = null): Promise<string[]> {
    return this.addOfKind(PLAIN, jobs, demand)
  }

  /** One plain job. @param give what its adder gets for the id */
  addOne<Given>(job: NewJob, give: (id: string) => Given): Promise<Given> {
    return new Promise((resolve, reject) => {
      this.enqueue(PLAIN, [job], null, (ids) => resolve(give(ids[0] ?? '')), reject)
    })
  }

  addNamed(jobs: NamedJob[], demand: Demand | null = null): Promise<NamedAdd[]> {
    return this.addOfKind(NAMED, jobs, demand)
  }

  addKeyed(jobs: KeyedJob[]): Promise<(string | null)[]> {
    return this.addOfKind(KEYED, jobs, null)
  }

  private addOfKind<Job extends NewJob, Answer>(
    kind: Kind<Job, Answer>,
    jobs: Job[],
    demand: Demand | null,
  ): Promise<Answer[]> {
    return new Promise((resolve, reject) => this.enqueue(kind, jobs, demand, resolve, reject))
  }

  private enqueue<Job extends NewJob, Answer>(
    kind: Kind<Job, Answer>,
    jobs: Job[],
    demand: Demand | null,
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
      deadline: this.deadlines.begin(() => this.expire(one)),
    }
    this.waiting.push(one)
    this.running ??= this.run()
  }

  private expire(one: Waiting): void {
    const index = this.waiting.indexOf(one)
    if (index >= 0) this.waiting.splice(index, 1)
    const [outcome, state] = one.underWay
      ? (['unknown', 'is under way without an answer'] as const)
      : (['not-applied', 'still waited for those added before'] as const)
    one.reject(
      new EngineUnavailableError(
        `Queue ${JSON.stringify(this.queue)}: what was added ${state} at the deadline.`,
        { outcome },
      ),
    )
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
      await this.sendBatch(this.nextBatch())
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

  private nextBatch(): Waiting[] {
    let jobs = 0
    let end = 0
    const kind = this.waiting[0]?.kind ?? null
    for (const one of this.waiting) {
      jobs += one.jobs.length
      if (one.kind !== kind || (end > 0 && jobs > one.kind.most)) break
      end++
    }
    const batch = this.waiting.splice(0, end)
    for (const one of batch) one.underWay = true
    return batch
  }

  private async sendBatch(batch: Waiting[]): Promise<void> {
    try {
      const answers = await this.addAll(
        batch[0]?.kind ?? PLAIN,
        batch.flatMap(({ jobs }) => jobs),
      )
      let start = 0
      for (const one of batch) {
        this.deadlines.end(one.deadline)
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
      for (const { reject, deadline } of batch.slice(fitting.length)) {
        this.deadlines.end(deadline)
        reject(error)
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

  /** More jobs than one call may carry, all of one `addMany`, take several calls. */
  private async addAll(kind: Waiting['kind'], jobs: NewJob[]): Promise<unknown[]> {
    const answers: unknown[] = []
    for (let start = 0; start < jobs.length; start += kind.most) {
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
