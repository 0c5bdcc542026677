import type { StoredJob } from './store.ts'

/** The part of the contract of queues that looks at their jobs. Internal, outside semver. Its promise, Q27, is in `store.ts`. */
export interface ListingStore {
  /** Jobs of a state, page by page. */
  listJobs(queue: string, request: ListRequest): Promise<ListPage>
  /** Gates with parked jobs, some of them where there are more; or the one that is said. */
  listGates(queue: string, request: GatesRequest): Promise<ListedGate[]>
}

export type ListedState = 'ready' | 'timed' | 'parked' | 'inFlight' | 'dead' | 'done'

export interface GatesRequest {
  limit: number
  only?: string
}

export interface ListedGate {
  name: string
  /** As the last job said them that was parked there. */
  terms: string
  /** Jobs behind it. */
  count: number
}

export interface ListRequest {
  state: ListedState
  limit: number
  /** As the page before said; null for the first. Matches `/^[\w:-]{0,99}@\d{1,16}$/`. */
  cursor: string | null
}

export interface ListedJob extends StoredJob {
  /** Of the first job of a key: how many wait behind it. These are on no page. */
  behind?: number
  /** Of timed jobs. */
  dueAtMs?: number
  /** Of parked jobs: behind what. */
  gate?: string
  /** Of dead ones. */
  reason?: string
  diedAtMs?: number
  /** Of those that are done, whose name is no ticket's: when, and what came of it as JSON, where that is known. */
  doneAtMs?: number
  result?: string
}

export interface ListPage {
  jobs: ListedJob[]
  /** Where the next page begins; null if there is none. */
  cursor: string | null
}
