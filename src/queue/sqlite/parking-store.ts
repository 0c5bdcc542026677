import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import type { GateAnswer, Parked, ParkingStore, ParkRequest } from '../parking-store.ts'
import { findQueue, holdsJobs } from './epochs.ts'
import {
  earlier,
  ensureGate,
  findGate,
  firstLookUs,
  forgetGate,
  type GateRow,
  keeperOf,
  keepGate,
  keptForMs,
  viewOf,
} from './gates.ts'
import { rowId } from './job-row.ts'
import { firstDueUs } from './jobs.ts'
import { nextRound } from './turns.ts'
import { findUnparking, noteParking, unpark } from './unparking.ts'
import { noteWaiting } from './waiting.ts'

/** Where a job stands is counted so far. */
const MOST_BEFORE = 10_000

/** The highest fence that a client has seen, whatever happened to the file since. */
export interface Fences {
  floor: number
}

/** Jobs that wait for gates: rows of `job`, behind one of `gate`. */
export function sqliteParkingStore(
  engine: SqliteEngine,
  hint: (queue: string) => void,
  eventsKept: number,
  fences: Fences,
): ParkingStore {
  return {
    async park(request) {
      const { answers, isNews } = await engine.write((transaction) => park(transaction, request))
      if (isNews) hint(request.queue)
      return answers
    },

    async unpark(request) {
      const answer = await engine.write((transaction) =>
        unpark(transaction, request, { floor: fences.floor, eventsKept }),
      )
      if (answer.tag === 'ok') fences.floor = Math.max(fences.floor, answer.fence)
      return answer
    },

    keepGates: (name, keeper, gates) =>
      engine.write((transaction) => {
        const queue = findQueue(transaction, name)?.id ?? null
        return gates.map((gate) => keep(transaction, findGate(transaction, queue, gate), keeper))
      }),

    async yieldGates(name, keeper, gates) {
      const isNews = await engine.write((transaction) => {
        const queue = findQueue(transaction, name)
        const yielded = gates.map((gate) => {
          const found = findGate(transaction, queue?.id ?? null, gate)
          return found !== undefined && giveUp(transaction, found, keeper)
        })
        return yielded.includes(true) && !queue?.isPaused
      })
      if (isNews) hint(name)
    },

    parkedBefore: (queue, gate, id) =>
      engine.read((transaction) => {
        const found = findGate(transaction, findQueue(transaction, queue)?.id ?? null, gate)
        return found ? parkedBefore(transaction, found.id, rowId(id)) : null
      }),
  }
}

function park(
  transaction: Transaction,
  { queue: name, epoch: epochName, sequence, keeper, parks }: ParkRequest,
): { answers: Parked[]; isNews: boolean } {
  const queue = findQueue(transaction, name)
  const epoch = queue && findUnparking(transaction, queue.id, epochName)
  // Repeated: what was parked may be in flight again, and run.
  if (!queue || !epoch || epoch.sequence >= sequence) {
    return { answers: parks.map(() => ({ tag: 'stale' })), isNews: false }
  }
  const headUs = earlier(firstDueUs(transaction, queue.id), firstLookUs(transaction, queue.id))
  let bytes = 0
  const behind = parks.map((one) => {
    const id = rowId(one.id)
    const job = transaction.get<{ rank: number; bytes: number }>(
      'SELECT rank, octet_length(payload) AS bytes FROM job WHERE id = ? AND epoch = ? AND state = 2',
      id,
      epoch.id,
    )
    if (!job) return null
    const gate = ensureGate(transaction, queue.id, one.gate)
    // What wants to be first has a rank of its own, so there is nobody to take turns with.
    const takesTurns = one.turnOf !== null && job.rank !== -id
    transaction.run(
      `UPDATE job SET state = 4, epoch = NULL, is_suspect = 0, gate = ?, demand = ?, round = ? WHERE id = ?`,
      gate.id,
      one.demand,
      takesTurns ? nextRound(transaction, gate.id, job.rank, one.turnOf ?? '') : 0,
      id,
    )
    bytes += job.bytes
    // Before it is counted: behind which nothing was parked has no keeper.
    const kept = keeperOf(transaction, gate)
    transaction.run(
      'UPDATE gate SET terms = ?, parked = parked + 1 WHERE id = ?',
      one.terms,
      gate.id,
    )
    if (kept !== null && kept !== keeper) return keptForMs(transaction, gate)
    return { lookUs: keepGate(transaction, gate, keeper) }
  })
  const parked = behind.filter((one) => one !== null)
  if (parked.length > 0) {
    noteWaiting(transaction, queue.id, { jobs: parked.length, bytes })
    noteParking(transaction, epoch.id, sequence)
    if (!holdsJobs(transaction, epoch.id)) {
      transaction.run('UPDATE epoch SET deadline_us = NULL WHERE id = ?', epoch.id)
    }
  }
  // A look before all that is due must move the timers of those who wait.
  const isEarlier = parked.some(
    (one) => typeof one === 'object' && (headUs === null || one.lookUs < headUs),
  )
  const answers = behind.map((one): Parked => {
    if (one === null) return { tag: 'stale' }
    return typeof one === 'number' ? { tag: 'kept', forMs: one } : { tag: 'keeper' }
  })
  return { answers, isNews: isEarlier && !queue.isPaused }
}

function keep(transaction: Transaction, gate: GateRow | undefined, keeper: string): GateAnswer {
  const view = viewOf(transaction, gate)
  if (!gate || !view) {
    if (gate) forgetGate(transaction, gate.id)
    return { tag: 'empty' }
  }
  const kept = keeperOf(transaction, gate)
  if (kept === null || kept === keeper) {
    keepGate(transaction, gate, keeper)
    return { tag: 'keeper', ...view }
  }
  transaction.run('UPDATE gate SET look_us = kept_until_us WHERE id = ?', gate.id)
  return { tag: 'kept', forMs: keptForMs(transaction, gate) }
}

/** Answers whether others are to be told of it. */
function giveUp(transaction: Transaction, gate: GateRow, keeper: string): boolean {
  if (gate.parked === 0) forgetGate(transaction, gate.id)
  if (keeperOf(transaction, gate) !== keeper) return false
  const sql = 'UPDATE gate SET keeper = NULL, kept_until_us = 0, look_us = ? WHERE id = ?'
  transaction.run(sql, transaction.nowUs, gate.id)
  return true
}

function parkedBefore(transaction: Transaction, gate: number, id: number): number | null {
  const job = transaction.get<{ rank: number; round: number }>(
    'SELECT rank, round FROM job WHERE id = ? AND state = 4 AND gate = ?',
    id,
    gate,
  )
  if (!job) return null
  const before = transaction.get<{ n: number }>(
    `SELECT
       (SELECT count(*) FROM (SELECT 1 FROM job WHERE state = 4 AND gate = ?1 AND rank < ?2
          LIMIT ${MOST_BEFORE})) +
       (SELECT count(*) FROM (SELECT 1 FROM job WHERE state = 4 AND gate = ?1 AND rank = ?2 AND round < ?3
          LIMIT ${MOST_BEFORE})) +
       (SELECT count(*) FROM (SELECT 1 FROM job WHERE state = 4 AND gate = ?1 AND rank = ?2 AND round = ?3 AND id < ?4
          LIMIT ${MOST_BEFORE})) AS n`,
    gate,
    job.rank,
    job.round,
    id,
  )
  return Math.min(before?.n ?? 0, MOST_BEFORE)
}
