// @ts-check
// `npm run fault -- NAME --seed N`: builds, installs what bench/ compares with when a run needs it,
// and runs test/fault/runs/NAME.js.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import {
  ensureBenchInstalled,
  ensureBuilt,
  ensureInstalled,
  platformProblem,
  rootFolder,
} from './prepare.js'
import { run } from './run.js'

const runFolder = path.join(rootFolder, 'test', 'fault', 'runs')
/** Standard output belongs to the run, so that `--json` can be piped. */
const log = (/** @type {string} */ line) => console.error(line)

const names = readdirSync(runFolder)
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.slice(0, -'.js'.length))
  .sort()

/** @param {readonly string[]} args */
async function main([name = '', ...args]) {
  const problem = platformProblem()
  if (problem !== undefined) throw new Error(problem)
  if (!names.includes(name)) {
    throw new Error(
      `Usage: npm run fault -- NAME [--seed N] [--json]\nNAME is one of: ${names.join(', ')}`,
    )
  }
  await ensureInstalled({ log })
  await ensureBuilt({ log })
  // The others live where benches find them.
  if (name.endsWith('-peers')) await ensureBenchInstalled({ log })
  const { code } = await run(process.execPath, [path.join(runFolder, `${name}.js`), ...args], {
    cwd: rootFolder,
    passThrough: true,
  })
  process.exitCode = code
}

// A run that is told to end takes its processes along, by their exit handlers.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, () => process.exit(1))

await main(process.argv.slice(2)).catch((error) => {
  log(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
})
