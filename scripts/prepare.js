// @ts-check
// Brings a clone into a state in which it can run: dependencies installed, sources generated and
// built. Every step costs a few milliseconds when there is nothing to do. It runs before anything
// is installed, so it imports nothing but Node's own modules.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { run } from './run.js'

/** @typedef {(line: string) => void} Log */

export const rootFolder = path.resolve(import.meta.dirname, '..')
export const benchFolder = path.join(rootFolder, 'bench')
export const cacheFolder = path.join(rootFolder, 'node_modules', '.cache', 'sluice')

const oldestNode = [20, 19]
const progressEveryMs = 5_000
const buildStampFile = path.join(cacheFolder, 'built.json')
const buildInfoFile = path.join(cacheFolder, 'build.tsbuildinfo')
const buildFolder = path.join(rootFolder, 'dist')

/**
 * Why this machine cannot run the scripts, in one line; `undefined` when it can.
 *
 * @param {string} [platform]
 * @param {string} [nodeVersion]
 * @returns {string | undefined}
 */
export function platformProblem(platform = process.platform, nodeVersion = process.versions.node) {
  if (platform === 'win32') {
    return 'Sluice is developed on Linux and macOS. On Windows, run this inside WSL (wsl --install).'
  }
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined
  return `Sluice needs Node ${oldestNode.join('.')} or later; this is Node ${nodeVersion}.`
}

/**
 * @template T
 * @param {Log} log
 * @param {string} what
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function withProgress(log, what, work) {
  const startedAtMs = performance.now()
  const seconds = () => Math.round((performance.now() - startedAtMs) / 1000)
  log(`${what} ...`)
  const ticker = setInterval(() => log(`${what} ... ${seconds()} s`), progressEveryMs)
  try {
    return await work()
  } finally {
    clearInterval(ticker)
  }
}

/**
 * The packages of a lock file; `undefined` when there is no readable file.
 *
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean, devOptional?: boolean }> | undefined}
 */
function readLockedPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}

/**
 * npm writes `node_modules/.package-lock.json` last, and removes it first: it is a truer stamp
 * than one of our own, and it knows about an `npm install` run by hand.
 *
 * @param {string} [root]
 */
export function isInstalled(root = rootFolder) {
  const wanted = readLockedPackages(path.join(root, 'package-lock.json'))
  const present = readLockedPackages(path.join(root, 'node_modules', '.package-lock.json'))
  if (wanted === undefined || present === undefined) return false
  return Object.entries(wanted).every(([name, { version, optional, devOptional }]) => {
    const found = present[name]
    if (found === undefined) return name === '' || optional === true || devOptional === true
    return found.version === version
  })
}

/** The npm that runs us, so that a second one on the PATH is never mixed in. */
export function npmCommand() {
  const script = process.env.npm_execpath
  const isNpm = script !== undefined && path.basename(script).startsWith('npm-cli')
  return isNpm ? [process.execPath, script] : ['npm']
}

/** @param {{ log: Log }} options */
export async function ensureInstalled({ log }) {
  if (isInstalled()) return
  const [command = 'npm', ...prefix] = npmCommand()
  // With NODE_ENV=production npm would leave the compiler and the test runner out.
  const args = [...prefix, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
  const { code, output } = await withProgress(log, 'Installing dependencies', () =>
    run(command, args, { cwd: rootFolder }),
  )
  if (code !== 0) throw new Error(`npm ci failed:\n${output.trim()}`)
}

/**
 * The competitors are no dependencies of Sluice, so they are not there before someone asks.
 *
 * @param {{ log: Log }} options
 */
export async function ensureBenchInstalled({ log }) {
  if (isInstalled(benchFolder)) return
  const [command = 'npm', ...prefix] = npmCommand()
  const args = [...prefix, 'ci', '--no-audit', '--no-fund', '--loglevel=error']
  const { code, output } = await withProgress(log, 'Installing what to compare with', () =>
    run(command, args, { cwd: benchFolder }),
  )
  if (code !== 0) throw new Error(`npm ci in bench/ failed:\n${output.trim()}`)
}

/** @param {string} folder */
function listFiles(folder) {
  return readdirSync(path.join(rootFolder, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(rootFolder, path.join(entry.parentPath, entry.name)))
}

/** The sources, and what decides how they are generated and compiled. */
function listBuildInputs() {
  const generator = listFiles('scripts').filter((file) => /generate|lua/.test(file))
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json']
  return [...listFiles('src'), ...generator, ...settings].sort()
}

/**
 * @typedef {object} BuildStamp
 * @property {string} names digest of which files there are
 * @property {string} contents digest of what is in them
 *
 * @returns {BuildStamp}
 */
function stampBuildInputs() {
  const files = listBuildInputs()
  const contents = createHash('sha256')
  for (const file of files) contents.update(file).update(readFileSync(path.join(rootFolder, file)))
  const names = createHash('sha256').update(files.join('\n'))
  return { names: names.digest('hex'), contents: contents.digest('hex') }
}

/** @returns {Partial<BuildStamp>} */
function readBuildStamp() {
  try {
    return JSON.parse(readFileSync(buildStampFile, 'utf8'))
  } catch {
    return {}
  }
}

/** @param {string} title @param {readonly string[]} args */
async function runNode(title, args) {
  const { code, output } = await run(process.execPath, args, { cwd: rootFolder })
  if (code !== 0) throw new Error(`${title} failed:\n${output.trim()}`)
}

/** @param {Partial<BuildStamp>} last */
async function build(last) {
  // The compiler writes its output in spite of errors: after a failure the next build is a new one.
  rmSync(buildStampFile, { force: true })
  await runNode('scripts/generate.js', ['scripts/generate.js'])
  // Taken before the compiler reads the files: an edit made meanwhile leads to one more build.
  const stamp = stampBuildInputs()
  if (stamp.names !== last.names || !existsSync(buildFolder)) {
    // The compiler neither removes the output of a deleted source nor notices missing output.
    rmSync(buildFolder, { recursive: true, force: true })
    rmSync(buildInfoFile, { force: true })
  }
  await runNode('The build', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'])
  mkdirSync(cacheFolder, { recursive: true })
  writeFileSync(buildStampFile, JSON.stringify(stamp))
}

/** @param {{ log: Log }} options */
export async function ensureBuilt({ log }) {
  const last = readBuildStamp()
  if (existsSync(buildFolder) && stampBuildInputs().contents === last.contents) return
  await withProgress(log, 'Building', () => build(last))
}
