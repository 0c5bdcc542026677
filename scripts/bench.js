// @ts-check
// `npm run bench -- NAME [--json] [--rounds N] [--quick]`: builds, installs what bench/ compares
// with on its first use, and runs bench/NAME.js.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import {
  benchFolder,
  ensureBenchInstalled,
  ensureBuilt,
  ensureInstalled,
  platformProblem,
  rootFolder,
} from './prepare.js'
import { run } from './run.js'

/** Standard output belongs to the figures, so that `--json` can be piped. */
const log = (/** @type {string} */ line) => console.error(line)

const names = readdirSync(benchFolder)
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.slice(0, -'.js'.length))
  .sort()

/** @param {readonly string[]} args */
async function main([name = '', ...args]) {
  const problem = platformProblem()
  if (problem !== undefined) throw new Error(problem)
  if (!names.includes(name)) {
    throw new Error(
      `Usage: npm run bench -- NAME [--json] [--rounds N] [--quick]\nNAME is one of: ${names.join(', ')}`,
    )
  }
  await ensureInstalled({ log })
  await ensureBuilt({ log })
  await ensureBenchInstalled({ log })
  const file = path.join(benchFolder, `${name}.js`)
  const { code } = await run(process.execPath, [file, ...args], {
    cwd: rootFolder,
    passThrough: true,
  })
  process.exitCode = code
}

// A bench that is told to end takes its processes along, by their exit handlers.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, () => process.exit(1))

await main(process.argv.slice(2)).catch((error) => {
  log(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
})
