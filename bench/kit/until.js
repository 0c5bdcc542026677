// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from './window.js'

const TIMEOUT_MS = 90_000

/**
 * Looks again every so often; throws when it takes too long.
 * @param {number} everyMs
 * @param {() => boolean | Promise<boolean>} holds
 * @param {string} what
 */
export async function until(everyMs, holds, what) {
  const deadlineMs = performance.now() + TIMEOUT_MS
  while (!(await holds())) {
    expect(performance.now() < deadlineMs, `not so after ${TIMEOUT_MS} ms: ${what}`)
    await delay(everyMs)
  }
}
