// A foreign program that writes to the file without a pause.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { EngineUnavailableError } from '../../src/errors.ts'
import { timed } from '../stopwatch.ts'
import { addJobs, COMMAND_TIMEOUT_MS, GRACE_MS, openStores } from './sqlite-fixture.ts'

const TIMEOUT_MS = 30_000

const cleanUps: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

describe('a foreign writer in a tight loop', () => {
  it.each([
    { holdMs: 0, calls: 20, atLeast: 0.5 },
    { holdMs: 5, calls: 20, atLeast: 0.5 },
    { holdMs: 60_000, calls: 2, atLeast: 0 },
  ])(
    'E2 that holds the lock for $holdMs ms: each call is in time and true',
    async ({ holdMs, calls, atLeast }) => {
      const folder = mkdtempSync(path.join(tmpdir(), 'sluice-writers-'))
      cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
      const file = path.join(folder, 'store.db')
      const stores = openStores(file)
      cleanUps.push(() => stores.engine.close())
      await addJobs(stores, 'jobs', ['"first"'])
      const hog = fork(path.join(import.meta.dirname, '..', 'processes', 'sqlite-hog.js'), [
        file,
        String(holdMs),
      ])
      cleanUps.push(() => hog.kill('SIGKILL'))
      const gone = once(hog, 'exit')
      const isWriting = await Promise.race([
        once(hog, 'message').then(() => true),
        gone.then(() => false),
      ])
      expect(isWriting, 'the foreign writer writes').toBe(true)
      let through = 0
      let longestMs = 0
      for (let call = 0; call < calls; call++) {
        const { result, tookMs } = await timed(() =>
          addJobs(stores, 'jobs', [`${call}`]).then(
            () => null,
            (error: unknown) => error,
          ),
        )
        longestMs = Math.max(longestMs, tookMs)
        if (result === null) through++
        else {
          expect(result).toBeInstanceOf(EngineUnavailableError)
          expect(result).toMatchObject({ outcome: 'not-applied', retryable: true })
        }
      }
      const share = `${through} of ${calls} calls got through, the longest took ${longestMs} ms`
      expect(longestMs, share).toBeLessThan(COMMAND_TIMEOUT_MS + GRACE_MS)
      expect(through / calls, share).toBeGreaterThanOrEqual(atLeast)
      // Reads do not wait for writers, and what was refused is not there.
      expect(await stores.queue.counts('jobs'), share).toMatchObject({ ready: through + 1 })
      if (process.env.SLUICE_FIGURES) console.log(share)
      expect(hog.exitCode, 'the foreign writer wrote until the end').toBe(null)
      hog.kill('SIGKILL')
      await gone
      await addJobs(stores, 'jobs', ['"last"'])
    },
    // Each call may take as long as is promised, and the time of all of them is no promise.
    TIMEOUT_MS,
  )
})
