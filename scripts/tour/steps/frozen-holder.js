// @ts-check
import path from 'node:path'
import { sharedNowMs, span } from '../figures.js'
import { createGuardedFile, readGuardedFile } from '../guarded-file.js'

const ttlMs = 400
/** Over the TTL: the time that noticing and handing over may take on a busy machine. */
const patienceMs = 1_000

/** @type {import('../run-steps.js').Step<import('../tour.js').Context>} */
export const frozenHolder = {
  title: 'A frozen holder',
  async run({ place, processes }) {
    const name = 'invoice:42'
    const file = path.join(place.folder, 'invoice-42.json')
    createGuardedFile(file)
    const [frozen, next] = await Promise.all([processes.start('holder'), processes.start('holder')])
    const first = /** @type {Held} */ (await frozen.ask('hold', { name, ttlMs }))
    const frozenAtMs = sharedNowMs()
    frozen.kill('SIGSTOP')
    // It lies in the frozen process's pipe: the first thing that it finds when it goes on.
    const lateWrite = frozen.ask('write', { file, text: 'written by the frozen one' })
    const second = /** @type {Held} */ (await next.ask('hold', { name, ttlMs }))
    const waitedMs = second.atMs - frozenAtMs
    const good = /** @type {Written} */ (await next.ask('write', { file, text: 'by the next' }))
    frozen.kill('SIGCONT')
    const late = /** @type {Written} */ (await lateWrite)
    const content = readGuardedFile(file)
    await next.ask('release')
    await Promise.all([frozen.rest(), next.rest()])
    return {
      lines: [
        `process ${frozen.pid} took the lock (TTL ${ttlMs} ms, fence ${first.fence}) and was frozen with SIGSTOP.`,
        `process ${next.pid} got in ${span(waitedMs)} later, with fence ${second.fence}, and wrote.`,
        `woken with SIGCONT, the first wrote too: ${late.written ? 'ACCEPTED' : 'refused by its fence'}.`,
      ],
      promises: [
        {
          text: `the next got in within the TTL + ${patienceMs} ms`,
          kept: waitedMs <= ttlMs + patienceMs,
        },
        {
          text: 'its fence is higher, and its write stands',
          kept: second.fence > first.fence && good.written && content.text === 'by the next',
        },
        {
          text: 'the late write was refused, and its holder was told of the loss',
          kept: !late.written && late.lost,
        },
      ],
      result: late.written ? 'late write accepted' : 'next one got in, late write refused',
      figure: `in after ${span(waitedMs)}`,
    }
  },
}

/**
 * @typedef {{ fence: number, atMs: number }} Held
 * @typedef {{ written: boolean, lost: boolean }} Written
 */
