/** Removes what a queue has, in bounded steps. Internal, outside semver. Its promises, Q24 and Q25, are in `store.ts`. */
export interface RemovalStore {
  /** Removes waiting jobs, at most `limit`. Answers how many: 0 if none waits. */
  drain(queue: string, limit: number): Promise<number>
  /** Removes some of everything that a queue has, until it is `gone`. */
  obliterate(queue: string, step: ObliterationStep): Promise<Obliteration>
}

export interface ObliterationStep {
  /** As the last step said; empty at first. */
  epoch: string
  /** Also what is in flight. */
  force: boolean
  limit: number
}

export type Obliteration =
  /** Nothing was done. */
  | { tag: 'busy'; inFlight: number }
  | { tag: 'step'; count: number; epoch: string }
  | { tag: 'gone'; count: number }
