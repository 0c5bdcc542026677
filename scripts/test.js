// @ts-check
// `npm test`: everything from a fresh clone to one closing line, `N passed, N failed, N skipped`.
// `npm test -- src/lock` hands the rest of the line to vitest; `npm run check` leaves tests out.
import path from 'node:path'
import { ensureBuilt, ensureInstalled, platformProblem, rootFolder } from './prepare.js'
import { provideRedisServer } from './redis-server.js'
import { run } from './run.js'
import { runVitest } from './run-vitest.js'

const log = (/** @type {string} */ line) => console.log(line)
const tally = { passed: 0, failed: 0, skipped: 0 }

/**
 * Told once more at the end: of a long log, that is what is read, and what is kept.
 * @type {string[]}
 */
const failures = []

/** @param {string} title @param {() => Promise<string | undefined>} work what went wrong, if so */
async function step(title, work) {
  const startedAtMs = performance.now()
  const problem = await work().catch((error) =>
    error instanceof Error ? error.message : String(error),
  )
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1)
  if (problem === undefined) {
    tally.passed += 1
    log(`${title}: ok (${seconds} s)`)
  } else {
    tally.failed += 1
    failures.push(`${title}\n${problem.trim()}`)
    log(`${title}: FAILED (${seconds} s)\n${problem.trim()}\n`)
  }
  return problem === undefined
}

/** @param {string} file @param {readonly string[]} args */
async function runTool(file, args) {
  const { code, output } = await run(
    process.execPath,
    [path.join(rootFolder, 'node_modules', file), ...args],
    { cwd: rootFolder },
  )
  return code === 0 ? undefined : output || `exit code ${code}`
}

/**
 * Faults come after the rest and one at a time: each has servers of its own, dozens in all, and
 * promises that are held against a clock.
 */
const testRuns = [
  { name: 'product', settings: [] },
  { name: 'faults', settings: ['--maxWorkers=1'] },
]

const checkTypes = () => runTool('typescript/bin/tsc', ['--noEmit', '-p', 'tsconfig.json'])
const checkLint = () => {
  const colors = `--colors=${process.stdout.isTTY ? 'force' : 'off'}`
  return runTool('@biomejs/biome/bin/biome', ['ci', '--error-on-warnings', colors, '.'])
}

async function checkTidy() {
  const { failed, output } = await runVitest({
    name: 'tidy',
    args: ['--project=tidy'],
    quiet: true,
  })
  return failed === 0 ? undefined : output
}

/**
 * Before the build, which writes generated files anew: a stale one that was committed must show.
 */
async function runChecks() {
  const types = step('types', checkTypes)
  await step('lint', checkLint)
  await step('tidy', checkTidy)
  await types
}

/** @param {readonly string[]} args */
async function runTests(args) {
  const server = await provideRedisServer({ log })
  log(`redis-server ${server.version} from ${server.source}`)
  await ensureBuilt({ log })
  for (const { name, settings } of testRuns) {
    // A file that was named is in one of them only.
    const chosen = args.length > 0 ? ['--passWithNoTests', ...args] : []
    const outcome = await runVitest({ name, args: [`--project=${name}`, ...settings, ...chosen] })
    tally.passed += outcome.passed
    tally.failed += outcome.failed
    tally.skipped += outcome.skipped
    failures.push(...outcome.failures)
  }
}

/** @param {readonly string[]} args */
async function main(args) {
  const problem = platformProblem()
  if (problem !== undefined) throw new Error(problem)
  await ensureInstalled({ log })
  await runChecks()
  if (!args.includes('--check')) await runTests(args)
}

// A terminated run takes its children along, by their exit handlers.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, () => process.exit(1))

await main(process.argv.slice(2)).catch((error) => {
  tally.failed += 1
  console.log(error instanceof Error ? error.message : error)
})
for (const failure of failures) console.log(`FAILED ${failure}\n`)
console.log(`${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`)
process.exitCode = tally.failed > 0 ? 1 : 0
