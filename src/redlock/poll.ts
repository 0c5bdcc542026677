import type { Timer } from '../clock.ts'
import { EngineUnavailableError } from '../errors.ts'
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
  /** Called for every answer, also for one that comes after the outcome. */
  read(answer: Answer, index: number): Said<Answer>
  /** Gets what a node says after the outcome. */
  late?(index: number, said: Said<Answer>): void
}

/** So many votes decide, either way. */
interface Needed {
  granted: number
  against: number
  answers?: number
}

export const PENDING: Said<never> = { vote: 'pending', reason: '' }
const LATE: Said<never> = { vote: 'late', reason: 'no answer by its deadline' }

/** One question to all nodes of a council. */
export class Poll<Answer> {
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
    resolve: (votes: Said<Answer>[]) => void,
  ) {
    this.council = council
    this.question = question
    this.needed = needed
    this.resolve = resolve
    this.votes = council.nodes.map(() => PENDING)
  }

  /** All nodes are asked before the first is heard: an outcome must not keep one from being asked. */
  run(timeoutMs: number): void {
    const { council, question } = this
    const asked = council.nodes.map(
      (node, index) => council.unable(index) ?? question.ask(node, index),
    )
    for (let index = 0; index < asked.length; index++) {
      const said = asked[index] as Promise<Answer> | Said<Answer>
      if (!(said instanceof Promise)) this.heed(index, said)
      else {
        said.then(
          (answer) => this.heed(index, question.read(answer, index)),
          (error) => this.heed(index, failed(error)),
        )
      }
    }
    if (this.isOver) return
    const { clock } = council
    // Answers that came while this process was busy are read before the deadline counts.
    this.timer = clock.after(timeoutMs, () => {
      this.timer = clock.after(0, () => this.end(LATE))
    })
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
