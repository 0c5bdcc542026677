import type { SqliteEngine } from '../../engine/sqlite/engine.ts'
import { InTurn } from '../in-turn.ts'
import { findQueue } from './epochs.ts'
import { earlier, firstLookUs } from './gates.ts'
import { firstDueUs, firstSuspect, hasReady } from './jobs.ts'

type Listener = () => void

interface Watched {
  readonly listeners: InTurn
  /** How often the last hint may still be passed on, so that it does not go round for ever. */
  passesLeft: number
  /** The suspect that was hinted at last: who holds another one cannot take it. */
  hintedSuspect: number | null
  lookUnderWay: 'none' | 'running' | 'again'
  stop: () => void
}

/**
 * Wakes idle consumers, one per hint. Hints of this process come at once; after a commit of another
 * process, and when a listener joins, a look tells whether there is anything to claim.
 */
export class Wakes {
  private readonly engine: SqliteEngine
  private readonly queues = new Map<string, Watched>()
  /** When the consumers of this process think that the next timed job is due, or gate looked at. */
  private readonly knownDues = new Map<string, number | null>()

  constructor(engine: SqliteEngine) {
    this.engine = engine
  }

  on(queue: string, listener: Listener): () => void {
    const watched = this.queues.get(queue) ?? this.watch(queue)
    const stopListening = watched.listeners.add(listener)
    // Between the claim that found nothing and now something may have come.
    void this.look(queue, watched)
    return () => {
      stopListening()
      if (watched.listeners.size > 0 || this.queues.get(queue) !== watched) return
      watched.stop()
      this.queues.delete(queue)
    }
  }

  hint(queue: string): void {
    const watched = this.queues.get(queue)
    if (!watched) return
    watched.passesLeft = watched.listeners.size - 1
    watched.listeners.wakeNext()
  }

  pass(queue: string): void {
    const watched = this.queues.get(queue)
    if (!watched || watched.passesLeft <= 0) return
    watched.passesLeft--
    watched.listeners.wakeNext()
  }

  /** A consumer of this process was told when the next timed job is due, or gate looked at. */
  noteDue(queue: string, dueUs: number | null): void {
    this.knownDues.set(queue, dueUs)
  }

  private watch(queue: string): Watched {
    const watched: Watched = {
      listeners: new InTurn(),
      passesLeft: 0,
      hintedSuspect: null,
      lookUnderWay: 'none',
      stop: this.engine.onChange(`queue:${queue}`, () => void this.look(queue, watched)),
    }
    this.queues.set(queue, watched)
    return watched
  }

  private async look(queue: string, watched: Watched): Promise<void> {
    if (watched.lookUnderWay !== 'none') {
      watched.lookUnderWay = 'again'
      return
    }
    do {
      watched.lookUnderWay = 'running'
      // A look that fails is made up for by the consumer's own check.
      if (await this.isNews(queue, watched).catch(() => false)) this.hint(queue)
    } while (isAskedAgain(watched))
    watched.lookUnderWay = 'none'
  }

  private isNews(queue: string, watched: Watched): Promise<boolean> {
    return this.engine.read((transaction) => {
      const row = findQueue(transaction, queue)
      if (!row || row.isPaused) return false
      const dueUs = earlier(firstDueUs(transaction, row.id), firstLookUs(transaction, row.id))
      const knownUs = this.knownDues.get(queue) ?? Number.POSITIVE_INFINITY
      const isEarlier = dueUs !== null && dueUs < knownUs
      if (isEarlier) this.knownDues.set(queue, dueUs)
      const suspect = firstSuspect(transaction, row.id)
      const isOther = suspect !== null && suspect !== watched.hintedSuspect
      watched.hintedSuspect = suspect
      return isEarlier || isOther || hasReady(transaction, row.id, 'plain')
    })
  }
}

function isAskedAgain(watched: Watched): boolean {
  return watched.lookUnderWay === 'again'
}

const wakesOf = new WeakMap<SqliteEngine, Wakes>()

/** Every store on an engine shares them: a hint wakes one consumer, whichever store it uses. */
export function sharedWakes(engine: SqliteEngine): Wakes {
  const wakes = wakesOf.get(engine) ?? new Wakes(engine)
  wakesOf.set(engine, wakes)
  return wakes
}
