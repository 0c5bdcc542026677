import { ArgumentError } from '../errors.ts'

/** The id of a request that was already given to another take. */
export const otherRequest = (id: string): ArgumentError =>
  new ArgumentError(
    'take.requestId',
    'a name of this request alone',
    JSON.stringify(id),
    'It was given to a take with another cost or other rules before. Nothing was taken.',
  )
