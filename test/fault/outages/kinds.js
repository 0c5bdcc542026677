// @ts-check
// Every kind of outage, and what is promised about it.
import { networkKinds } from './kinds-network.js'
import { serverKinds } from './kinds-server.js'
import { topologyKinds } from './kinds-topology.js'

/**
 * @typedef {'standalone' | 'sentinel' | 'cluster'} Topology
 * @typedef {import('../servers.js')} Servers
 * @typedef {import('../server.js').Server} Server
 *
 * @typedef {object} Ground servers of their own, and the proxies in front of them
 * @property {string} url
 * @property {readonly Server[]} nodes
 * @property {readonly import('../proxy.js').FaultProxy[]} proxies
 * @property {() => Promise<unknown>} ready
 * @property {(key: string) => Promise<Server>} masterOf
 * @property {(outage: import('../proxy.js').Outage | keyof typeof import('../proxy.js').outages) => Promise<void>} fail
 * @property {() => Promise<void>} pass
 * @property {() => Promise<void>} close
 *
 * @typedef {object} Scene where an outage takes place
 * @property {Ground} ground
 * @property {Topology} topology
 * @property {number} lengthMs
 * @property {() => void} count tells of one more fault, beyond the first
 *
 * @typedef {object} Expectation
 * @property {'always' | 'whenLong' | 'never'} tells whether the busy clients tell `unavailable` within
 *   2 s: `whenLong` for those that last longer than that, `never` where calls are not cut off
 * @property {boolean} tellsIdle whether a client that is only waiting must tell so, too
 * @property {'none' | 'failover' | 'all'} loses what may be gone afterwards: what was answered around a
 *   failover, since replication is asynchronous, or everything
 * @property {number} resumeWithinMs
 * @property {boolean} [garbles] answers may be nonsense
 *
 * @typedef {object} Kind
 * @property {string} name
 * @property {string} about
 * @property {Partial<Record<Topology, () => Promise<Ground>>>} topologies how its servers are started
 * @property {(topology: Topology) => Expectation} expects
 * @property {(scene: Scene) => Promise<() => Promise<void>>} begin gives back what ends the outage
 * @property {number[]} [lengthsS] 1, 6, 15 and 40 unless given
 * @property {boolean} [quiet] the busy clients make no calls meanwhile
 * @property {() => string} [problem] why this machine cannot have it; empty when it can
 */

/** @type {readonly Kind[]} */
export const kinds = [...networkKinds, ...serverKinds, ...topologyKinds]
