// @ts-check
// The client of the engine as the engine uses it: a deadline on each call, nothing sent twice. The
// public API has no plain commands, so this bench alone reaches into the engine.
import { createSluice } from '../../dist/index.js'
import { insideOf } from '../../dist/sluice.js'

export const settings = 'ioredis through our supervisor, defaults: a deadline of 2 s a call'

/** @type {import('./work.js').Open} */
export async function open(port) {
  const sluice = createSluice(`redis://127.0.0.1:${port}`)
  const { engine } = insideOf(sluice)
  if (engine.kind !== 'redis') throw new Error(`the engine is ${engine.kind}`)
  await engine.command('PING')
  return {
    get: (key) => engine.command('GET', key),
    evalsha: (sha1, key, first, second) => engine.command('EVALSHA', sha1, '1', key, first, second),
    close: () => sluice.close(),
  }
}
