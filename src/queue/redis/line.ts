import { bucketName, type QueueKeys } from './keys.ts'

/** The same of a call that tells what happened. */
export function toldLineOf(known: QueueKeys, fillingName = known.fillingName) {
  const line = lineOf(known, fillingName)
  return { ...line, keys: [...line.keys, known.events, known.watchers] }
}

/** A call that may put tickets in line: its keys and numbers, and the numbers that it brings back. */
export function lineOf(known: QueueKeys, fillingName = known.fillingName) {
  const { meta, ready, tail, buckets, wake, ranks, tailNumber, rankFillingName } = known
  const [segment, filling] = [known.segment(tailNumber), known.timed(fillingName)]
  const rankFilling = known.ranked(rankFillingName)
  return {
    keys: [meta, ready, tail, segment, buckets, filling, wake, ranks, rankFilling],
    args: { tailNumber, fillingName, rankFillingName },
    learn: (answer: LineNumbers) => learnLine(known, answer),
  }
}

export interface LineNumbers {
  tailNumber: number
  filling: number
  rankFilling: number
}

/** Where the line goes on, as a script or a look says. */
export function learnLine(known: QueueKeys, { tailNumber, filling, rankFilling }: LineNumbers) {
  known.tailNumber = tailNumber
  known.fillingName = bucketName(filling)
  known.rankFillingName = bucketName(rankFilling)
}
