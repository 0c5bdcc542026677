import { type Outcome, SluiceError } from '../errors.ts'

type NodeAnswer = 'granted' | 'taken' | 'free' | 'lost' | 'forced'
type NoAnswer = 'refused' | 'unreachable' | 'late' | 'restarted' | 'duplicate' | 'pending'

/** What one node of a Redlock said. */
export interface NodeVote {
  node: string
  /**
   * `lost`: this owner does not have it there any more; `refused`: an error, or a node that may not
   * vote; `duplicate`: the server of a node before it; `pending`: it could change nothing any more.
   */
  vote: NodeAnswer | NoAnswer
  /** Why, for people; empty where the word says it all. */
  reason: string
}

/** So many nodes of a Redlock cannot vote that no majority can be had. */
export class QuorumError extends SluiceError {
  /** In the order of the nodes. */
  readonly votes: readonly NodeVote[]
  /** How many of them have to agree. */
  readonly needed: number

  constructor(what: string, needed: number, votes: readonly NodeVote[], outcome: Outcome) {
    const said = votes.map(({ node, vote, reason }) => `${node} ${vote}${reason && ` (${reason})`}`)
    const granted = votes.filter(({ vote }) => vote === 'granted').length
    super(
      `${what}: ${granted} of ${votes.length} nodes agreed, and ${needed} have to. ${said.join(', ')}. ` +
        'Bring the other nodes back, or try again later.',
      { code: 'SLUICE_QUORUM', retryable: true, outcome },
    )
    this.votes = votes
    this.needed = needed
  }
}
