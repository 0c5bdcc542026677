// @ts-check
// What is measured between two moments: time, and the CPU of both sides.
import { cpus } from 'node:os'
import { serverCpuUs } from './server.js'

/** @typedef {import('./competitor.js').Outcome} Outcome */

/** Of all processes of the machine. */
function machineCpuUs() {
  const busyMs = cpus().map(({ times: { user, nice, sys, irq } }) => user + nice + sys + irq)
  return busyMs.reduce((sum, ms) => sum + ms, 0) * 1_000
}

/**
 * Begins now, in the middle of running work.
 * @param {number | readonly number[]} [ports] of the server, or servers, if there are any
 */
export function startWindow(ports = []) {
  const serverUsNow = async () => {
    const all = await Promise.all([ports].flat().map(serverCpuUs))
    return all.reduce((sum, us) => sum + us, 0)
  }
  const serverStart = serverUsNow()
  const startMachineUs = machineCpuUs()
  const startMs = performance.now()
  const startCpu = process.cpuUsage()
  /**
   * Ends at the call, not at its answer.
   * @param {number} count
   * @param {number} [crewUs] CPU of other processes that did the work
   * @returns {Promise<Outcome>}
   */
  return async (count, crewUs = 0) => {
    const elapsedMs = performance.now() - startMs
    const { user, system } = process.cpuUsage(startCpu)
    const machineUs = machineCpuUs() - startMachineUs
    const cpuUs = user + system + crewUs
    const serverUs = (await serverUsNow()) - (await serverStart)
    const otherUs = Math.max(0, machineUs - cpuUs - serverUs)
    return { count, elapsedMs, cpuUs, serverUs, otherUs }
  }
}

/** Of so many calls one reads the clock: each time it takes as long as some of the calls do. */
const CALLS_PER_LOOK = 16

/**
 * Keeps `inFlight` calls under way for a while: what is answered is asked again at once. It adds one `await` to what the
 * calls take: an async function around a library's own promise would add as much as a fast one takes.
 *
 * @template Answer
 * @param {{ inFlight: number, durationMs: number }} terms
 * @param {(index: number) => Promise<Answer>} call gets 0, 1, 2, …
 * @param {number} [firstIndex]
 * @param {(answer: Answer) => void} [check] throws when that is no answer to the call
 * @returns {Promise<number>} how many calls were answered
 */
export async function keepInFlight({ inFlight, durationMs }, call, firstIndex = 0, check = accept) {
  let index = firstIndex
  let isOver = false
  const endMs = performance.now() + durationMs
  const chain = async () => {
    while (!isOver) {
      if (index % CALLS_PER_LOOK === 0) isOver = performance.now() >= endMs
      check(await call(index++))
    }
  }
  await Promise.all(Array.from({ length: inFlight }, chain))
  return index - firstIndex
}

const accept = () => {}

/** Enough calls for the compiler also where the machine or the case is slow. */
const WARMING_IN_FLIGHT = 100

/**
 * Warms up, then measures.
 *
 * @template Answer
 * @param {number | readonly number[] | undefined} ports of the server, or servers, if there are any
 * @param {{ inFlight: number, durationMs: number, warmUpMs: number }} terms
 * @param {(index: number) => Promise<Answer>} call
 * @param {(answer: Answer) => void} [check] throws when that is no answer to the call
 */
export async function measureCalls(ports, { inFlight, durationMs, warmUpMs }, call, check) {
  const warming = { inFlight: WARMING_IN_FLIGHT, durationMs: warmUpMs }
  let calls = await keepInFlight(warming, call, 0, check)
  calls += await keepInFlight({ inFlight, durationMs: warmUpMs / 2 }, call, calls, check)
  const end = startWindow(ports)
  return end(await keepInFlight({ inFlight, durationMs }, call, calls, check))
}

/** @param {boolean} holds @param {string} otherwise */
export function expect(holds, otherwise) {
  if (!holds) throw new Error(`It does not do the work: ${otherwise}`)
}
