import { createSluice, type Sluice } from '../index.ts'
import { UsageError } from './exit-codes.ts'
import { ageInWords, type Messages } from './messages.ts'

/** Where the store is, as it was typed. */
export interface StorePlace {
  url?: string | undefined
  prefix?: string | undefined
}

/** Opens the store of a command, which tells what happens to it. @throws {UsageError}, {ArgumentError} */
export function openSluice({ url, prefix }: StorePlace, messages: Messages): Sluice {
  const target = url ?? process.env.SLUICE_URL
  if (target !== undefined && /^memory:/i.test(target)) {
    throw new UsageError(
      'memory: is this process alone: a lock there would exclude nobody, and a queue has no jobs',
    )
  }
  const tell = (text: string) => messages.say('note', { text }, text)
  const sluice = createSluice(url, {
    ...(prefix === undefined ? {} : { prefix }),
    // Nobody counts milliseconds here, and a late answer is better than none.
    commandTimeout: '5s',
    logger: { info: tell, warn: tell, error: tell },
  })
  sluice.on('unavailable', ({ place, reason }) =>
    messages.say('unavailable', { place, reason }, `${place} is unavailable: ${reason}`),
  )
  sluice.on('available', ({ place, afterMs }) =>
    messages.say(
      'available',
      { place, afterMs },
      `${place} answers again, after ${ageInWords(afterMs)}`,
    ),
  )
  return sluice
}
