// @ts-check
// One process that adds jobs and acknowledges some of them, one call after the other, until the power
// goes. It runs the built package.
import { openSync, writeSync } from 'node:fs'
import { monotonicMs } from '../outcomes/history.js'
import { QUEUE } from './stores.js'

/**
 * @typedef {object} ProcessPlan
 * @property {string} url
 * @property {'full' | 'normal'} [synchronous]
 * @property {'fsync'} [durability] of each add
 */

const dist = new URL('../../../dist/index.js', import.meta.url)
/** @type {typeof import('../../../src/index.ts')} */
const { createSluice } = await import(dist.href)

/** @type {ProcessPlan & {file: string}} */
const { url, synchronous, durability, file } = JSON.parse(process.argv[2] ?? '{}')
const descriptor = openSync(file, 'a')
const write = (/** @type {unknown[]} */ ...line) =>
  writeSync(descriptor, `${JSON.stringify(line)}\n`)
const sluice = createSluice(url, synchronous ? { synchronous } : {})
/** @type {import('../../../src/index.ts').Queue<string>} */
const queue = sluice.queue(QUEUE)

const sure = durability ? { durability } : {}

/** @param {'add' | 'ack'} op @param {string} key @param {() => Promise<unknown>} call */
async function step(op, key, call) {
  write('asks', op, key)
  await call()
  write('told', op, key, monotonicMs())
}

process.once('disconnect', () => process.exit(1))
for (let count = 1; ; count++) {
  await step('add', `job-${count}`, () => queue.add(`job-${count}`, sure))
  if (count % 3 !== 0) continue
  for (const delivery of await queue.take()) {
    await step('ack', delivery.data, () => delivery.ack())
  }
}
