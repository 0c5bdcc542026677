import { LONGEST_MS } from '../duration.ts'
import type { Delivery, Held } from './delivery.ts'
import type { Puller } from './puller.ts'

/**
 * Deliveries as they come, at most `max` that are not settled. Ends when the signal aborts or the
 * queue closes; what was taken and not given out by then goes back at once.
 */
export async function* deliveriesOf<Data>(
  puller: Puller<Data>,
  max: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Delivery<Data>, void, undefined> {
  const aborted = abortOf(signal)
  let open: Held<Data>[] = []
  let next: Held<Data>[] = []
  try {
    while (!signal?.aborted && !puller.isClosed) {
      open = open.filter((held) => !held.isOver)
      if (open.length >= max) {
        await Promise.race([...open.map(({ over }) => over), aborted.happened])
        continue
      }
      next = await puller.take(max - open.length, LONGEST_MS, signal).catch((error: unknown) => {
        if (signal?.aborted) return []
        throw error
      })
      open.push(...next)
      while (next.length > 0 && !signal?.aborted) {
        const held = next.shift()
        if (held && !held.isOver) yield held.delivery
      }
    }
  } finally {
    aborted.forget()
    for (const held of next) puller.handBack(held)
  }
}

function abortOf(signal: AbortSignal | undefined) {
  let tell = () => {}
  const happened = new Promise<void>((resolve) => {
    tell = resolve
  })
  signal?.addEventListener('abort', tell, { once: true })
  return { happened, forget: () => signal?.removeEventListener('abort', tell) }
}
