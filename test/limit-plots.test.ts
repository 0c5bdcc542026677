// The drawings of limits, against what the rules admit.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { drawPlots, plotsFolder } from '../scripts/limit-plots.js'
import * as rules from '../src/index.ts'
import * as testing from '../src/testing/index.ts'

it('drawings of what limits admit are those of the rules as they are', async () => {
  const drawn = await drawPlots(rules, testing)
  expect(readdirSync(plotsFolder).sort()).toEqual([...drawn.keys()].sort())
  for (const [name, text] of drawn) {
    const committed = readFileSync(path.join(plotsFolder, name), 'utf8')
    expect(committed, `node scripts/limit-plots.js draws ${name} anew`).toBe(text)
  }
})
