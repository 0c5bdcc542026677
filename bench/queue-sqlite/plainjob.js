// @ts-check
import Database from 'better-sqlite3'
import { better, defineQueue, defineWorker, JobStatus } from 'plainjob'

export const packageName = 'plainjob'
export const settings =
  'defaults, which are synchronous normal, but full for file-full; one worker, which takes job by job: more of them in a process take turns'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const TYPE = 'bench'

/** @type {import('./work.js').Open} */
export async function open(folder, store = 'file-full') {
  const database = new Database(store === 'memory' ? ':memory:' : `${folder}/plainjob.db`)
  const queue = defineQueue({ connection: better(database), logger: silent })
  if (store === 'file-full') database.pragma('synchronous = FULL')
  /** @type {import('plainjob').Worker | undefined} */
  let worker
  return {
    add: async (payloads) => queue.addMany(TYPE, [...payloads]),
    addOne: async (payload, delay = 0) => queue.add(TYPE, payload, { delay }),
    addBulk: async (payloads, delay = 0) => queue.addMany(TYPE, [...payloads], { delay }),
    async work(_, handle) {
      const process = (/** @type {{ data: string }} */ { data }) => handle(JSON.parse(data))
      worker = defineWorker(TYPE, process, { queue, logger: silent })
      // Resolves when it was stopped.
      worker.start().catch((error) => console.error(error))
    },
    left: async () => queue.countJobs({ status: JobStatus.Pending }),
    async close() {
      await worker?.stop()
      queue.close()
    },
  }
}
