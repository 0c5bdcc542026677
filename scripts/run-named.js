// @ts-check
// What `npm run bench` and `npm run fault` have in common: a folder of programs, one of which is run
// on a fresh build.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { ensureBuilt, ensureInstalled, platformProblem, rootFolder } from './prepare.js'
import { run } from './run.js'

/** Standard output belongs to the program, so that `--json` can be piped. */
export const log = (/** @type {string} */ line) => console.error(line)

/**
 * Runs the program that the command line names, and ends as it does.
 *
 * @param {object} choice
 * @param {string} choice.folder
 * @param {string} choice.usage one line
 * @param {(name: string) => Promise<void>} choice.prepare what that program needs besides a build
 */
export async function runNamed({ folder, usage, prepare }) {
  // A program that is told to end takes its processes along, by their exit handlers.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, () => process.exit(1))
  try {
    const [name = '', ...args] = process.argv.slice(2)
    const problem = platformProblem()
    if (problem !== undefined) throw new Error(problem)
    const names = readdirSync(folder)
      .filter((file) => file.endsWith('.js'))
      .map((file) => file.slice(0, -'.js'.length))
      .sort()
    if (!names.includes(name)) {
      throw new Error(`Usage: ${usage}\nNAME is one of: ${names.join(', ')}`)
    }
    await ensureInstalled({ log })
    await ensureBuilt({ log })
    await prepare(name)
    const { code } = await run(process.execPath, [path.join(folder, `${name}.js`), ...args], {
      cwd: rootFolder,
      passThrough: true,
    })
    process.exitCode = code
  } catch (error) {
    log(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  }
}
