// @ts-check
// `npm run model`: what may happen in what is modelled, all of it, and what would without one of its
// rules. It needs no build and no server.
import path from 'node:path'
import { ensureInstalled, platformProblem, rootFolder } from './prepare.js'
import { run } from './run.js'
import { log } from './run-named.js'

const problem = platformProblem()
if (problem !== undefined) {
  log(problem)
  process.exit(1)
}
await ensureInstalled({ log })
// A state is small, millions of them are not.
const { code } = await run(
  process.execPath,
  [
    '--max-old-space-size=6000',
    path.join(rootFolder, 'test/model/run.js'),
    ...process.argv.slice(2),
  ],
  { cwd: rootFolder, passThrough: true },
)
process.exitCode = code
