// @ts-check
// What befalls nodes and clients in a run, and when.

/**
 * @param {object} scene
 * @param {import('./world.js').World} scene.world
 * @param {import('./weather.js').Chance} scene.chance
 * @param {import('./weather.js').Scene} scene.scene
 * @param {readonly import('./node.js').Node[]} scene.nodes
 * @param {readonly import('./client.js').Client[]} scene.clients
 */
export function planFaults({ world, chance, scene: { kind, ttlMs }, nodes, clients }) {
  /** @template T @param {readonly T[]} all @returns {T} */
  const oneOf = (all) => /** @type {T} */ (all[chance.whole(0, all.length - 1)])
  const someMs = (/** @type {number} */ mostTtls) =>
    chance.next() * ttlMs * (chance.next() < 0.6 ? mostTtls / 8 : mostTtls)
  const restart = (/** @type {import('./node.js').Node} */ node) =>
    node.restart(someMs(1), kind === 'forgetful')
  const kinds = [
    () => restart(oneOf(nodes)),
    () => {
      for (const node of new Set([oneOf(nodes), oneOf(nodes)])) restart(node)
    },
    () => oneOf(oneOf(clients).links).cut(someMs(2)),
    () => {
      const forMs = someMs(3)
      for (const link of oneOf(clients).links) link.cut(forMs)
    },
    () => oneOf(clients).pause(someMs(3)),
    () => {
      if (chance.next() < 0.2) oneOf(clients).kill()
    },
    () => {
      if (kind === 'stepping') oneOf(nodes).step((chance.next() * 2 - 1) * ttlMs * 2)
    },
  ]
  const count = chance.whole(0, 5)
  for (let index = 0; index < count; index++) {
    world.after(chance.next() * ttlMs * 4, () => oneOf(kinds)())
  }
  return { count }
}
