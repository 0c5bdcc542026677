// What the inspector says about the limiters of a process.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { createInspector } from '../src/inspect/index.ts'
import { fixedWindow } from '../src/limit/index.ts'
import { createSluice } from '../src/sluice.ts'
import { runFolderVariable } from './redis.ts'

test('limiters are counted in the process, whichever object was asked', async () => {
  const sluice = createSluice('memory:')
  const rule = fixedWindow({ limit: 2, per: '1h' })
  for (const _ of [1, 2, 3]) await sluice.limiter('sms', rule).take('ada')
  expect(createInspector(sluice).limiters()).toEqual([
    {
      ...{ limiter: 'sms', allowed: 2, refused: 1, degraded: 0 },
      topKeys: { keys: [{ key: 'ada', count: 3 }], tooFew: 0 },
      topRefused: { keys: [{ key: 'ada', count: 1 }], tooFew: 0 },
    },
  ])
  await sluice.close()
})

test('tokens that were taken in advance are given back when a Sluice is closed', async () => {
  const folder = mkdtempSync(path.join(process.env[runFolderVariable] ?? tmpdir(), 'tokens-'))
  const rule = fixedWindow({ limit: 100, per: '1d' })
  const openLimiter = () => {
    const sluice = createSluice(`sqlite:${path.join(folder, 'limits.db')}`)
    return { sluice, limiter: sluice.limiter('sms', rule, { lease: { tokens: 10 } }) }
  }
  const first = openLimiter()
  for (const _ of [1, 2]) expect(await first.limiter.take('ada')).toMatchObject({ source: 'lease' })
  expect(await first.limiter.peek('ada', { cost: 0 })).toMatchObject({ remaining: 97 })
  await first.sluice.close()
  const second = openLimiter()
  expect(await second.limiter.peek('ada', { cost: 0 })).toMatchObject({ remaining: 98 })
  await second.sluice.close()
  rmSync(folder, { recursive: true, force: true })
})
