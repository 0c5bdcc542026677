import { type Job, jobOf, type Run } from './run.ts'
import type { ReadPayload } from './schema.ts'

export type Handler<Data> = (job: Job<Data>) => unknown

/** How what a worker begins is brought to its handler: each job for itself, or in batches. */
export interface Handling {
  /** How many more may begin beside what runs now, by id. */
  room(running: ReadonlyMap<string, Run>): number
  /** Ends as the attempt does. */
  handle(run: Run): unknown
  /** Waits for nothing more before it calls the handler. */
  hurry(): void
}

export function handleEach<Data>(
  handler: Handler<Data>,
  read: ReadPayload,
  concurrency: number,
): Handling {
  return {
    room: (running) => concurrency - running.size,
    handle(run) {
      const data = read(run.stored.payload)
      if (!(data instanceof Promise)) return handler(jobOf(run, data as Data))
      return data.then((read: Data) => handler(jobOf(run, readInTime(run, read))))
    },
    hurry() {},
  }
}

/** Reading may have taken as long as the whole delivery may take. */
export function readInTime<Data>(run: Run, data: Data): Data {
  if (run.aborted) throw run.aborted.reason
  return data
}
