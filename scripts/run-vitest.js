// @ts-check
// Runs vitest and counts what came of it. A runner that ends badly without a failed test to show
// for it (a crash, an unhandled rejection, a file that does not load) counts as one failure.
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { cacheFolder, rootFolder } from './prepare.js'
import { run } from './run.js'

/**
 * @typedef {object} Tally
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {readonly string[]} failures the name of each that failed, and why
 *
 * @typedef {object} VitestOptions
 * @property {string} name of the run; its report stays in the cache under it
 * @property {readonly string[]} args
 * @property {string} [node] the node to run it with; defaults to this one
 * @property {boolean} [quiet] collect the output instead of showing it as it comes
 */

/**
 * @param {VitestOptions} options
 * @returns {Promise<Tally & { output: string }>}
 */
export async function runVitest({ name, args, node = process.execPath, quiet = false }) {
  const report = path.join(cacheFolder, `report-${name}.json`)
  mkdirSync(cacheFolder, { recursive: true })
  // The report of an earlier run must not be counted when this one writes none.
  rmSync(report, { force: true })
  const vitest = path.join(rootFolder, 'node_modules', 'vitest', 'vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const { code, output } = await run(node, [vitest, 'run', ...reporters, ...args], {
    cwd: rootFolder,
    passThrough: !quiet,
  })
  const tally = readTally(report)
  if (code !== 0 && tally.failed === 0) {
    tally.failed = 1
    tally.failures = [`${name}: the runner ended with ${code}, and no test says why`]
  }
  return { ...tally, output }
}

/** @param {string} report @returns {Tally} */
function readTally(report) {
  try {
    return countReport(JSON.parse(readFileSync(report, 'utf8')))
  } catch {
    return { passed: 0, failed: 0, skipped: 0, failures: [] }
  }
}

/**
 * @typedef {object} Report what we need of vitest's JSON report
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {readonly FileReport[]} testResults
 *
 * @typedef {object} FileReport
 * @property {string} name
 * @property {string} status
 * @property {string} [message]
 * @property {readonly { fullName: string, status: string, failureMessages?: string[] }[]} assertionResults
 *
 * @param {Report} report
 * @returns {Tally}
 */
function countReport(report) {
  const failures = report.testResults.flatMap(failuresOf)
  return {
    passed: report.numPassedTests,
    failed: failures.length,
    skipped: report.numPendingTests + report.numTodoTests,
    failures,
  }
}

/** @param {FileReport} file */
function failuresOf({ name, status, message, assertionResults }) {
  const file = path.relative(rootFolder, name)
  const failed = assertionResults.filter((test) => test.status === 'failed')
  if (status === 'failed' && failed.length === 0) return [`${file}: ${message ?? 'did not load'}`]
  return failed.map((test) =>
    `${file}: ${test.fullName}\n${test.failureMessages?.[0] ?? ''}`.trim(),
  )
}
