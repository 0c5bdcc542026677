import type { NamedAdd, NamedJob } from './record-store.ts'
import type { AddRequest, NewJob, QueueStore } from './store.ts'
import type { KeyedJob } from './strand-store.ts'

/** One call of the store, and how many jobs it takes. Those of a batch are of one kind. */
export interface Kind<Job, Answer> {
  most: number
  call(store: QueueStore, request: RequestOf<Job>): Promise<Answer[]>
  /** The same while a batch of that kind is under way, see {@link QueueStore.addBehind}; null where none may be. */
  behind(
    store: QueueStore,
  ): ((request: RequestOf<Job>, settled: Promise<number>) => Promise<Answer[]>) | null
}

type RequestOf<Job> = Omit<AddRequest, 'jobs'> & { jobs: Job[] }

export const PLAIN: Kind<NewJob, string> = {
  most: 1_000,
  call: (store, request) => store.add(request),
  behind: (store) => store.addBehind,
}
export const NAMED: Kind<NamedJob, NamedAdd> = {
  most: 100,
  call: (store, request) => store.addNamed(request),
  behind: () => null,
}

export const KEYED: Kind<KeyedJob, string | null> = {
  most: 100,
  call: (store, request) => store.addKeyed(request),
  behind: () => null,
}
