import type { Engine } from '../engine/engine.ts'
import { type EngineOptions, openEngine } from '../engine/open.ts'
import { ArgumentError } from '../errors.ts'
import { openLockStore } from '../lock/open.ts'
import { describe } from '../text.ts'
import { nodeOf, type Presence, type QuorumNode } from './node.ts'

/** A URL of one Redis or of a SQLite file, or the user's own client of one Redis. */
export type RedlockNode = string | URL | { client: object }

type NodeOptions = Omit<EngineOptions, 'synchronous' | 'sentinelCredentials' | 'tell'> & {
  allowEven: boolean
}

export interface OpenedNode {
  engine: Engine
  node: QuorumNode
}

const MOST_NODES = 99
const MASTERS = 'the address of one master each'

/** @throws {ArgumentError} */
export function openNodes(nodes: unknown, options: NodeOptions): OpenedNode[] {
  const opened = readList(nodes, options.allowEven).map((target, index) =>
    openNode(target, `redlock.nodes[${index}]`, options),
  )
  refuseTwins(opened)
  return opened
}

function readList(nodes: unknown, allowEven: boolean): unknown[] {
  const expected = `1 to ${MOST_NODES} nodes, an odd number`
  if (!Array.isArray(nodes)) throw new ArgumentError('redlock.nodes', expected, describe(nodes))
  const { length } = nodes
  const isEven = length % 2 === 0
  if (length >= 1 && length <= MOST_NODES && (!isEven || allowEven)) return nodes
  const hint = isEven
    ? 'Half of an even number is no majority: one node less survives as many failures. { allowEven: true } takes it.'
    : ''
  throw new ArgumentError('redlock.nodes', expected, `${length} nodes`, length > 0 ? hint : '')
}

function openNode(target: unknown, argument: string, options: NodeOptions): OpenedNode {
  const presence: Presence = { reason: null, onAway: () => {} }
  const engine = openAt(target, argument, {
    ...options,
    synchronous: undefined,
    sentinelCredentials: undefined,
    tell(name, event) {
      if (name === 'available') presence.reason = null
      if (!('reason' in event)) return
      presence.reason = event.reason
      presence.onAway()
    },
  })
  if (engine.kind === 'redis' && engine.topology !== 'single') {
    const why =
      engine.topology === 'cluster'
        ? 'A cluster is one vote that moves between servers.'
        : 'Sentinels replace a master by a copy that may lack the newest leases.'
    throw new ArgumentError(argument, MASTERS, `a ${engine.topology} at ${engine.place}`, why)
  }
  return { engine, node: nodeOf(engine, openLockStore(engine), presence) }
}

/** Messages name the node, not what opens it. */
function openAt(target: unknown, argument: string, options: EngineOptions): Engine {
  try {
    return openEngine(target, options)
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    const option = /^createSluice\.(?!url$|client$)(.*)/.exec(error.argument)?.[1]
    const at = option === undefined ? argument : `redlock.${option}`
    throw new ArgumentError(at, error.expected, error.received)
  }
}

/** Under other addresses it is found as soon as it answers. */
function refuseTwins(opened: readonly OpenedNode[]): void {
  const places = new Map<string, number>()
  for (const [index, { engine }] of opened.entries()) {
    const { place } = engine
    const first = places.get(place)
    if (first !== undefined && place !== ':memory:') {
      throw new ArgumentError(
        `redlock.nodes[${index}]`,
        'another server than the nodes before it',
        `${place} again, as nodes[${first}]`,
        'One server has one vote, also with another database or user.',
      )
    }
    places.set(place, index)
  }
}
