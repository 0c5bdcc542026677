// @ts-check
// A network of its own for a server, where the kernel itself loses packets: what a proxy cannot
// show, such as connects that get no answer at all and retransmissions after healing.
import { execFileSync } from 'node:child_process'
import { guard } from './guard.js'
import { startServer } from './server.js'

/**
 * @typedef {'both' | 'requests' | 'replies'} Direction
 * @typedef {Awaited<ReturnType<typeof startNamespace>>} Namespace
 */

/** @type {string | undefined} */
let problem
let started = 0

/** @param {string} line a command without spaces in its words */
function sh(line) {
  const [command = '', ...args] = line.split(' ')
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
}

/** Whether this machine and this user can make networks; tried once. */
export const hasNamespaces = () => findProblem() === ''

/** Why `hasNamespaces` is false; empty when it is true. */
export function findProblem() {
  if (problem !== undefined) return problem
  try {
    if (process.platform !== 'linux') throw new Error(`${process.platform} has no ip netns`)
    if (process.getuid?.() !== 0) throw new Error('only root may make networks')
    const trial = raiseNetwork()
    try {
      lose(trial, 'both')
    } finally {
      lower(trial)
    }
    problem = ''
  } catch (error) {
    problem = error instanceof Error ? error.message.trim() : String(error)
  }
  return problem
}

/** A pair of interfaces, one of them inside a new namespace. */
function raiseNetwork() {
  started += 1
  const name = `sluice-${process.pid}-${started}`
  // Names of interfaces have at most 15 characters.
  const near = `sl${process.pid}n${started}`
  const far = `sl${process.pid}f${started}`
  // One of the 16,384 networks of four addresses in 10.213.0.0/16.
  const base = ((process.pid * 31 + started) % 16_384) * 4
  const address = (/** @type {number} */ host) => `10.213.${base >> 8}.${(base & 255) + host}`
  const network = { name, near, far, nearAddress: address(1), farAddress: address(2) }
  try {
    sh(`ip netns add ${name}`)
    sh(`ip link add ${near} type veth peer name ${far} netns ${name}`)
    sh(`ip addr add ${network.nearAddress}/30 dev ${near}`)
    sh(`ip link set ${near} up`)
    sh(`ip -n ${name} addr add ${network.farAddress}/30 dev ${far}`)
    sh(`ip -n ${name} link set ${far} up`)
    sh(`ip -n ${name} link set lo up`)
  } catch (error) {
    lower(network)
    throw error
  }
  return network
}

/** @typedef {ReturnType<typeof raiseNetwork>} Network */

/** A queue that holds nothing drops every packet. @param {Network} network @param {Direction} direction */
function lose({ name, near, far }, direction) {
  if (direction !== 'replies') sh(`tc qdisc replace dev ${near} root pfifo limit 0`)
  if (direction !== 'requests') sh(`tc -n ${name} qdisc replace dev ${far} root pfifo limit 0`)
}

/** What is gone already, or was never there, is no error. @param {string[]} lines */
function undo(...lines) {
  for (const line of lines) {
    try {
      sh(line)
    } catch {}
  }
}

/** @param {Network} network */
const lower = ({ name, near }) => undo(`ip link del ${near}`, `ip netns del ${name}`)

/** Makes a network for servers, which goes away with this process. */
export async function startNamespace() {
  if (!hasNamespaces()) throw new Error(`No namespace can be made here: ${findProblem()}`)
  const network = raiseNetwork()
  const { name, near, far, farAddress } = network
  const cleanUp = guard('ip link del "$1"; ip netns del "$2"', [near, name])
  /** @type {import('./server.js').Server[]} */
  const servers = []
  return {
    /** Where its servers are reached. */
    host: farAddress,
    /** @param {import('./server.js').ServerOptions} [options] */
    async startServer(options = {}) {
      const args = ['--protected-mode', 'no', ...(options.args ?? [])]
      const prefix = ['ip', 'netns', 'exec', name]
      const server = await startServer({ ...options, host: farAddress, args, prefix })
      servers.push(server)
      return server
    },
    /** From now on packets vanish, in one direction or both. @param {Direction} [direction] */
    drop: (direction = 'both') => lose(network, direction),
    /** Packets arrive again; what was under way is sent again by the kernel at its next try. */
    heal: () => undo(`tc qdisc del dev ${near} root`, `tc -n ${name} qdisc del dev ${far} root`),
    /** Ends its servers and the network. */
    async close() {
      await Promise.all(servers.map((server) => server.close()))
      await cleanUp.lift()
    },
  }
}
