import type { Timer } from '../clock.ts'
import { EngineUnavailableError } from '../errors.ts'
import type { Beat } from '../gate/rhythm.ts'
import type { Council } from './council.ts'
import type { NodeVote } from './errors.ts'
import type { QuorumNode } from './node.ts'

/** What a node said to one question. */
export interface Said<Answer> {
  vote: NodeVote['vote']
  reason: string
  answer?: Answer
}

export interface Question<Answer> {
  /** Puts it to a node; or says what a node counts as that need not be asked. */
  ask(node: QuorumNode, index: number): Promise<Answer> | Said<Answer>
  /** Called for a node that may not vote, and is not asked. */
  unasked?(node: QuorumNode, index: number): void
  /** Called for every answer, also for one that comes after the outcome. */
  read(answer: Answer, index: number): Said<Answer>
  /** Called where there is no answer, before that is counted. */
  failed?(index: number): void
  /** Gets what a node says after the outcome. */
  late?(index: number, said: Said<Answer>): void
}

/** So many votes decide, either way. */
export interface Needed {
  granted: number
  against: number
  answers?: number
}

export const PENDING: Said<never> = { vote: 'pending', reason: '' }
const LATE: Said<never> = { vote: 'late', reason: 'no answer by its deadline' }

/**
 * One question to all nodes of a council. Its deadline is a beat: nearly every question is answered
 * long before, and a timer for each would cost more than the vote of a node.
 */
export class Poll<Answer> implements Beat {
  dueMs: number
  readonly slackMs = 0
  next: Beat | null = null
  previous: Beat | null = null
  private readonly council: Council
  private readonly question: Question<Answer>
  private readonly needed: Needed
  private readonly resolve: (votes: Said<Answer>[]) => void
  private readonly votes: Said<Answer>[]
  private granted = 0
  private against = 0
  private isOver = false
  private timer: Timer | null = null

  constructor(
    council: Council,
    question: Question<Answer>,
    needed: Needed,
    dueMs: number,
    resolve: (votes: Said<Answer>[]) => void,
  ) {
    this.council = council
    this.votes = council.pending.slice()
    this.question = question
    this.needed = needed
    this.dueMs = dueMs
    this.resolve = resolve
  }

  /** All nodes are asked, whatever the first ones say: an outcome must not keep one from being asked. */
  run(): void {
    const { council, question } = this
    const { nodes } = council
    for (let index = 0; index < nodes.length; index++) {
      const node = nodes[index] as QuorumNode
      const unable = council.unable(index)
      if (unable) question.unasked?.(node, index)
      const said = unable ?? question.ask(node, index)
      if (said instanceof Promise) this.listen(index, said)
      else this.heed(index, said)
    }
    if (!this.isOver) council.deadlines.add(this)
  }

  /** Answers that came while this process was busy are read before the deadline counts. */
  beat(): void {
    this.council.deadlines.remove(this)
    this.timer = this.council.clock.after(0, () => this.end(LATE))
  }

  private listen(index: number, said: Promise<Answer>): void {
    const { question } = this
    said.then(
      (answer) => this.heed(index, question.read(answer, index)),
      (error: unknown) => {
        question.failed?.(index)
        this.heed(index, failed(error))
      },
    )
  }

  private heed(index: number, said: Said<Answer>): void {
    if (this.isOver) return this.question.late?.(index, said)
    // It may have restarted while the question was on its way.
    const counted = this.council.unable(index) ?? said
    this.votes[index] = counted
    if (counted.vote === 'granted') this.granted++
    else this.against++
    const { granted, against, answers } = this.needed
    const isDecided = this.granted >= granted || this.against >= against
    if (isDecided || this.granted + this.against === answers) this.end(PENDING)
  }

  private end(rest: Said<never>): void {
    this.isOver = true
    this.council.deadlines.remove(this)
    this.timer?.cancel()
    const { votes } = this
    this.resolve(rest === PENDING ? votes : votes.map((said) => (said === PENDING ? rest : said)))
  }
}

/** What a call that failed counts as. */
function failed(error: unknown): Said<never> {
  const reason = error instanceof Error ? error.message : String(error)
  const isAway = error instanceof EngineUnavailableError && error.retryable
  return { vote: isAway ? 'unreachable' : 'refused', reason }
}
