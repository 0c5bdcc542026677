import { expect, it } from 'vitest'
import { sleep, systemClock } from './clock.ts'

it('a timer never fires before its time', async () => {
  const early: number[] = []
  await Promise.all(
    Array.from({ length: 500 }, async (_, index) => {
      const delayMs = 1 + (index % 40) / 8
      const startedMs = performance.now()
      await new Promise<void>((resolve) => {
        systemClock.after(delayMs, resolve)
      })
      const tookMs = performance.now() - startedMs
      if (tookMs < delayMs) early.push(tookMs - delayMs)
    }),
  )
  expect(early).toEqual([])
})

it('a timer beyond what setTimeout can hold does not fire at once', async () => {
  let fired = false
  const timer = systemClock.after(2 ** 31 + 5_000, () => {
    fired = true
  })
  await sleep(systemClock, 20)
  timer.cancel()
  expect(fired).toBe(false)
})

it('sleep ends with the reason of its signal, before or during', async () => {
  await expect(sleep(systemClock, 1_000, AbortSignal.abort('before'))).rejects.toBe('before')
  const controller = new AbortController()
  const sleeping = sleep(systemClock, 60_000, controller.signal)
  controller.abort('during')
  await expect(sleeping).rejects.toBe('during')
})
