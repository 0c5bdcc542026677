import type { Clock } from '../clock.ts'
import { ArgumentError } from '../errors.ts'
import { type Lease, leaseOf } from '../gate/handle.ts'
import { type Holdable, Taker, takingShapes } from '../gate/holdable.ts'
import { Holds } from '../gate/holds.ts'
import type { HeldLease } from '../gate/lease.ts'
import {
  type AcquireOptions,
  acquireOptions,
  type HoldOptions,
  holdOptions,
} from '../gate/options.ts'
import type { HoldTerms } from '../gate/terms.ts'
import { abortSignal, type Reader, readName, readOptions, text, withDefault } from '../options.ts'
import type { LeaderRow, LeaderStore } from './leader-store.ts'
import { Observation, type Sight } from './observation.ts'
import type { LockDemand, LockStore } from './store.ts'

export interface ElectionOptions extends Omit<HoldOptions, 'metadata'> {
  /**
   * What the leader says of itself, such as its URL: text of up to 1 KiB. Defaults to its host and
   * process, as `host:pid`.
   */
  value?: string
}

/** Who leads, as of the look. */
export interface Leader {
  /** Who holds the leadership: `host:pid:random.number`. */
  owner: string
  host: string
  pid: number
  value: string
  fence: number
  /** Epoch milliseconds of the engine's clock. */
  sinceMs: number
  /** When its lease ends unless it is renewed. */
  remainingMs: number
}

/** Leading is holding a lease: it may be lost, and `signal` and `fence` are what to go by. */
export interface Leadership extends Lease {
  /** What it says of itself. */
  readonly value: string
  /**
   * Says something else of itself from now on, to everybody who looks or observes.
   * @throws {LockLostError} if it does not lead any more; {@link EngineUnavailableError}
   */
  proclaim(value: string): Promise<void>
  /** Gives it up and over to the next candidate in line: `release` by another name. */
  resign(): Promise<'released' | 'lost'>
}

/** One leader of a name at a time, whom everybody can find. */
export interface Election extends Pick<Holdable<Leadership>, 'run'> {
  readonly name: string
  /**
   * Stands in line until it leads, for up to `wait`.
   * @throws {LockTimeoutError}, {@link EngineUnavailableError}, the signal's reason
   */
  campaign(options?: AcquireOptions): Promise<Leadership>
  /** Leads if nobody does and nobody waits to, else null. @throws {EngineUnavailableError} */
  tryCampaign(): Promise<Leadership | null>
  /** Who leads, as of now; null if nobody does. @throws {EngineUnavailableError} */
  leader(): Promise<Leader | null>
  /**
   * Who leads, and then each change of leader or of its value. Changes in between may be skipped, the
   * latest one never is. Outages are sat out. It ends when the signal aborts or the Sluice is closed.
   */
  observe(options?: { signal?: AbortSignal }): AsyncIterable<Leader | null>
}

/** All elections of one engine. */
export interface Elections {
  election(name: string, options?: ElectionOptions): Election
  /** Ends every campaign and observation, and every leadership that is held here. */
  close(): Promise<void>
}

const MOST_VALUE_BYTES = 1024

const readValue: Reader<string> = (given, argument) => {
  const value = text(MOST_VALUE_BYTES)(given, argument)
  const bytes = Buffer.byteLength(value)
  if (bytes <= MOST_VALUE_BYTES) return value
  throw new ArgumentError(argument, `text of at most ${MOST_VALUE_BYTES} bytes`, `${bytes} bytes`)
}

const { metadata: _, ...termOptions } = holdOptions
const electionOptions = { ...termOptions, value: withDefault(readValue, null) }
const shapes = takingShapes<object>({})
const observeOptions = { signal: withDefault(abortSignal, undefined) }

type Held = HeldLease<LockDemand>
type OwnLeadership = Omit<Leadership, 'value'> & { value: string }

export function createElections(
  store: LockStore,
  leaders: LeaderStore,
  clock: Clock,
  clientId: string,
): Elections {
  const holds = new Holds<LockDemand>('Election', store, clock, clientId, 'e')
  const observations = new Set<Observation<Leader | null>>()
  /** Names whose leader ended here while closing. */
  const orphans = new Set<string>()
  let isClosed = false

  /** Only a hint: who observes looks now and then all the same. */
  const announce = (name: string) => leaders.announce(name).catch(() => {})

  /** A lease that is nobody's any more is given up in the same tick: it is told after that. */
  async function tellOfLoss(name: string): Promise<void> {
    if (isClosed) return void orphans.add(name)
    await null
    void announce(name)
  }

  /** Apart from the handle, which must be collected as garbage when its user forgets it. */
  function onLoss(signal: AbortSignal, name: string): void {
    signal.addEventListener('abort', () => void tellOfLoss(name), { once: true })
  }

  /** Runs as soon as it leads. */
  function lead(held: Held, value: string): Leadership {
    void announce(held.name)
    onLoss(held.signal, held.name)
    return leadershipOf(held, value)
  }

  function leadershipOf(held: Held, value: string): Leadership {
    const { name, owner } = held
    const lease = leaseOf(held)
    const release = lease.release.bind(lease)
    let outcome: Promise<'released' | 'lost'> | null = null

    async function resignOnce(): Promise<'released' | 'lost'> {
      const answer = await release()
      void announce(name)
      return answer
    }

    function resign(): Promise<'released' | 'lost'> {
      outcome ??= resignOnce()
      return outcome
    }

    const leadership: OwnLeadership = Object.assign(lease, {
      value,
      async proclaim(given: string) {
        const next = readValue(given, 'proclaim.value')
        leadership.assertHeld()
        const answer = await store.describe({ name, owner, metadata: metadataOf(next) })
        if (answer === 'lost') held.lose('taken')
        leadership.assertHeld()
        leadership.value = next
        void announce(name)
      },
      release: resign,
      resign,
    })
    return leadership
  }

  /** Each loop over it is an observation of its own. */
  function observe(name: string, signal: AbortSignal | undefined): AsyncIterable<Leader | null> {
    return {
      [Symbol.asyncIterator]() {
        const end = () => observation.end()
        const observation = new Observation<Leader | null>(
          {
            clock,
            look: async () => sightOf(await leaders.watch(name)),
            onNews: (listener) => leaders.onNews(name, listener),
          },
          () => {
            observations.delete(observation)
            signal?.removeEventListener('abort', end)
          },
        )
        observations.add(observation)
        signal?.addEventListener('abort', end, { once: true })
        if (isClosed || signal?.aborted) end()
        return observation
      },
    }
  }

  return {
    election(givenName, options) {
      const name = readName(givenName, 'election.name')
      const read = readOptions('election', options, electionOptions)
      const value = read.value ?? clientId.slice(0, clientId.lastIndexOf(':'))
      const terms: HoldTerms<LockDemand> = {
        name,
        ttlMs: read.ttl,
        maxHoldMs: read.maxHold,
        metadata: metadataOf(value),
        replicas: read.durability,
        demand: { fair: true },
      }
      const taker = new Taker<Leadership, object, unknown>(shapes, ({ wait, signal }) =>
        holds.acquire(terms, wait, signal, (held) => lead(held, value)),
      )
      return {
        name,
        run: (work, given) => taker.run(work, given),
        async campaign(given) {
          readOptions('campaign', given, acquireOptions)
          return taker.acquire(given)
        },
        tryCampaign: () => taker.tryAcquire(),
        async leader() {
          const { holder } = await store.inspect(name)
          return holder && leaderOf(holder)
        },
        observe(given) {
          const { signal } = readOptions('observe', given, observeOptions)
          return observe(name, signal)
        },
      }
    },

    async close() {
      isClosed = true
      for (const observation of [...observations]) observation.end()
      await holds.close()
      await Promise.all([...orphans].map(announce))
    },
  }
}

const metadataOf = (value: string) => JSON.stringify({ value })

function leaderOf({ owner, fence, sinceMs, remainingMs, metadata }: LeaderRow): Leader {
  const [, host = '', pid = ''] = /^(.*?):(\d+):/.exec(owner) ?? []
  return { owner, host, pid: Number(pid), value: valueIn(metadata), fence, sinceMs, remainingMs }
}

/** What another program wrote there may be anything. */
function valueIn(metadata: string): string {
  try {
    const { value } = JSON.parse(metadata) as { value: unknown }
    return typeof value === 'string' ? value : ''
  } catch {
    return ''
  }
}

function sightOf(row: LeaderRow | null): Sight<Leader | null> {
  if (!row) return { value: null, identity: '', changesInMs: null }
  const leader = leaderOf(row)
  const identity = `${leader.fence} ${leader.value}`
  return { value: leader, identity, changesInMs: leader.remainingMs }
}
