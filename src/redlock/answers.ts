import type { AcquireAnswer, Holder } from '../gate/store.ts'
import { type Attempt, ownerOfAttempt } from './attempt.ts'
import type { Said } from './poll.ts'
import { mostOf } from './views.ts'

export const answerOf = ({ fence, sentAtMs }: Attempt): AcquireAnswer => ({
  tag: 'acquired',
  fence,
  sentAtMs,
})

export function highestFence(votes: readonly Said<AcquireAnswer>[]): number {
  let highest = 0
  for (const { vote, answer } of votes) {
    if (vote === 'granted' && answer?.tag === 'acquired') highest = Math.max(highest, answer.fence)
  }
  return highest
}

/** Who has it on most of the nodes that refused. */
export function otherHolder(votes: readonly Said<AcquireAnswer>[]): Holder | null {
  const holders = votes.flatMap(({ vote, answer }) =>
    vote === 'taken' && answer && 'holder' in answer && answer.holder ? [answer.holder] : [],
  )
  const holder = mostOf(holders, 1)[0]
  return holder ? { ...holder, owner: ownerOfAttempt(holder.owner) } : null
}
