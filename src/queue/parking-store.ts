import type { StoredJob } from './store.ts'

/**
 * The part of the contract of queues that knows jobs which wait for a gate: they are *parked* behind it. What a
 * gate is only clients know: here it is a name. Of each gate with parked jobs one consumer is the *keeper*, who
 * asks for what they wait for. Internal, outside semver. Its promises, Q70 to Q79, are in `store.ts`.
 */
export interface ParkingStore {
  /**
   * Puts deliveries of an epoch behind gates, as if they had not been. Up to 100; each is answered in its place.
   * Who parks behind a gate without a keeper becomes it. Repeated, however late, it changes nothing: all is `stale`.
   */
  park(request: ParkRequest): Promise<Parked[]>
  /**
   * Claims the first job behind each gate, up to 100, for an epoch, which gets a lease if it has none. A gate may
   * be named several times. Answers in the order of `gates`.
   */
  unpark(request: UnparkRequest): Promise<UnparkAnswer>
  /**
   * Becomes the keeper of gates, or stays it, for {@link KEEPER_MS}. Up to 100, answered in their order. A gate
   * behind which nothing is parked is forgotten.
   */
  keepGates(queue: string, keeper: string, gates: string[]): Promise<GateAnswer[]>
  /** Gives gates up: the next consumer that wants jobs is told of them at once. Those of other keepers stay theirs. */
  yieldGates(queue: string, keeper: string, gates: string[]): Promise<void>
  /** How many are parked in front of a job, 10,000 at most; null if it is not parked behind that gate. */
  parkedBefore(queue: string, gate: string, id: string): Promise<number | null>
}

export interface ParkRequest {
  queue: string
  epoch: string
  /** Grows by one per call of the epoch that parks or unparks, the same when a call is repeated. */
  sequence: number
  /** One consumer, for as long as it lives. */
  keeper: string
  parks: Park[]
}

export interface Park {
  id: string
  gate: string
  /** JSON of clients: how a keeper asks for the gate. The last one that parked says it. */
  terms: string
  /** What the job asks of the gate: up to 32 printable ASCII characters. */
  demand: string
  /**
   * Who waits there, in up to {@link LONGEST_GATE} characters: those of one rank take turns. Null where nobody does: these come in
   * the order in which they were added, before those who take turns.
   */
  turnOf: string | null
}

/** `kept`: it is parked, and others keep the gate for that long. */
export type Parked = { tag: 'keeper' } | { tag: 'kept'; forMs: number } | { tag: 'stale' }

/** A gate with parked jobs. */
export interface GateView {
  terms: string
  /** Jobs behind it. */
  count: number
  /** What the first of them asks of it. */
  demand: string
}

export type GateAnswer =
  | ({ tag: 'keeper' } & GateView)
  | { tag: 'kept'; forMs: number }
  | { tag: 'empty' }

export interface UnparkRequest {
  queue: string
  epoch: string
  /** As that of {@link ParkRequest}. Apart from that of exchanges. */
  sequence: number
  leaseMs: number
  /** Deliveries that the consumer believes are its own: with 0 it can never be `lost`. */
  heldCount: number
  gates: string[]
}

export type UnparkAnswer =
  | {
      tag: 'ok'
      /** Null where nothing was left behind the gate; or so much was overdue that the rest takes another call. */
      jobs: (StoredJob | null)[]
      /** What is parked behind each gate afterwards; null if nothing. */
      rests: (GateView | null)[]
      fence: number
    }
  /** Nothing is claimed of the queue. */
  | { tag: 'paused' }
  /** The epoch holds nothing any more, or a later call of it was answered already. */
  | { tag: 'lost' }

/** A gate without news of its keeper for so long is told of to others. */
export const KEEPER_MS = 4_000
/** Longest name of a gate. */
export const LONGEST_GATE = 300
