// @ts-check
// Outages of the network, made by the proxies in front of the servers.
import { findProblem } from '../network.js'
import { plain, RESUME_MS, startRemote } from './grounds.js'

/**
 * @typedef {import('./kinds.js').Kind} Kind
 * @typedef {import('./kinds.js').Expectation} Expectation
 * @typedef {Parameters<import('../proxy.js').FaultProxy['fail']>[0]} Outage
 */

/** @param {Partial<Expectation>} [other] @returns {(topology: string) => Expectation} */
const expects = (other) => () => ({
  ...{ tells: 'always', tellsIdle: true, loses: 'none', resumeWithinMs: RESUME_MS },
  ...other,
})

/** @param {string} name @param {string} about @param {Outage} outage @param {Partial<Expectation>} [other] @returns {Kind} */
const proxied = (name, about, outage, other) => ({
  name,
  about,
  topologies: plain,
  expects: expects(other),
  async begin({ ground }) {
    await ground.fail(outage)
    return ground.pass
  },
})

/** @type {Kind[]} */
export const networkKinds = [
  proxied('refused', 'connections are reset, the ports are closed', 'refused'),
  proxied(
    'blackhole',
    'nothing comes through, old connections stay half open for ever',
    'blackhole',
  ),
  proxied('unanswered', 'connections are reset, new ones accepted and never answered', {
    old: 'reset',
    fresh: 'drop',
  }),
  proxied('half-open', 'old connections die silently, new ones work', 'halfOpen'),
  proxied('frozen', 'nothing comes through, all is delivered afterwards', 'frozen', {
    tells: 'whenLong',
  }),
  proxied('mute', 'requests take effect, replies vanish', 'mute'),
  proxied('deaf', 'requests vanish', 'deaf'),
  proxied('resets', 'every fifth reply is a reset', 'resetsBeforeReply', { tellsIdle: false }),
  proxied('slow', '300 to 500 ms each way', 'slow', { tells: 'never' }),
  proxied('garbage', 'replies are random bytes', 'garbage', { garbles: true }),
  proxied('truncated', 'replies and their connections end after two bytes', 'truncated'),
  {
    name: 'kernel-loss',
    about: 'the kernel loses all packets, and sends them again afterwards',
    topologies: { standalone: startRemote },
    expects: expects({ tells: 'whenLong' }),
    problem: findProblem,
    async begin({ ground }) {
      await ground.fail('blackhole')
      return ground.pass
    },
  },
]
