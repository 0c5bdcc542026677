// @ts-check
// What the processes of a run are given, and by when their calls have to settle.
import { LONGEST_TTL_MS } from '../locks/plan.js'

export const NODES = 5
export const PROCESSES = 6
export const COMMAND_TIMEOUT_MS = 2_000
/** No lease of a run is longer: so long a node does not vote after it came back. */
export const LONGEST_LEASE_MS = LONGEST_TTL_MS
/** The longest that one node is waited for. */
export const NODE_TIMEOUT_MS = 200
/** Callers of each process, each with one call under way. */
export const CALLERS = { ofEachHotName: 1, ofColdNames: 24 }

/** By when an acquisition has settled, whatever nodes do: one that does not wait asks them first. @param {number} waitMs */
export const acquireWithinMs = (waitMs) => Math.max(waitMs, COMMAND_TIMEOUT_MS)
