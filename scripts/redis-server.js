// @ts-check
// Finds a real redis-server or valkey-server, or gets one, without installing anything into the
// system. `node scripts/redis-server.js` says what it found.
import { accessSync, constants, existsSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { downloadRedis, openDownloadedRedis } from './redis-download.js'
import { isMain, run } from './run.js'

/**
 * @typedef {object} RedisServer
 * @property {string} binary what to start
 * @property {string} argv0 the name to start it under: Debian ships the server as redis-check-rdb
 * @property {Record<string, string>} env to be added to the environment of the server
 * @property {string} version
 * @property {string} source where it came from, for people
 *
 * @typedef {Omit<RedisServer, 'version'>} Candidate
 *
 * @typedef {object} Search
 * @property {(line: string) => void} log
 * @property {NodeJS.ProcessEnv} env
 * @property {string} cacheFolder
 * @property {string} platform
 */

const serverNames = ['redis-server', 'valkey-server']
const oldestVersion = [6, 2]
const brewFolders = ['/opt/homebrew/bin', '/usr/local/bin', '/home/linuxbrew/.linuxbrew/bin']
const defaultCacheFolder = path.resolve(import.meta.dirname, '../node_modules/.cache/sluice')

/**
 * Looks in a fixed order, and ends with a server that has answered `--version` or with an error
 * whose message is the line to run.
 *
 * @param {Partial<Search>} [options]
 * @returns {Promise<RedisServer>}
 */
export async function provideRedisServer(options = {}) {
  const search = searchOf(options)
  for (const find of [findNamed, findOnPath, findInCache, findByApt, findInHomebrew]) {
    const server = await find(search)
    if (server !== undefined) return server
  }
  throw new Error(`No redis-server found, and none could be downloaded. ${advice(search)}`)
}

/**
 * What is there already: nothing is downloaded.
 *
 * @param {Partial<Search>} [options]
 * @returns {Promise<RedisServer | undefined>}
 */
export async function findRedisServer(options = {}) {
  const search = searchOf(options)
  for (const find of [findNamed, findOnPath, findInCache, findInHomebrew]) {
    const server = await find(search)
    if (server !== undefined) return server
  }
  return undefined
}

/** @param {Partial<Search>} options @returns {Search} */
const searchOf = (options) => ({
  log: () => {},
  env: process.env,
  cacheFolder: defaultCacheFolder,
  platform: process.platform,
  ...options,
})

/** @param {Search} search */
async function findNamed(search) {
  const binary = search.env.SLUICE_REDIS_SERVER
  if (binary === undefined || binary === '') return undefined
  const outcome = await probe(search, plainCandidate(binary, 'SLUICE_REDIS_SERVER'))
  if (typeof outcome !== 'string') return outcome
  throw new Error(
    `SLUICE_REDIS_SERVER=${binary} is not usable: ${outcome}. ` +
      'Point it at a redis-server or valkey-server binary, or unset it.',
  )
}

/** @param {Search} search */
async function findOnPath(search) {
  const folders = (search.env.PATH ?? '').split(path.delimiter).filter(Boolean)
  return await findInFolders(search, folders, 'PATH')
}

/** @param {Search} search */
async function findInHomebrew(search) {
  return search.platform === 'linux' || search.platform === 'darwin'
    ? await findInFolders(search, brewFolders, 'Homebrew')
    : undefined
}

/** @param {Search} search */
async function findInCache(search) {
  const folder = path.join(search.cacheFolder, 'redis')
  if (!existsSync(folder)) return undefined
  const candidate = openDownloadedRedis(folder)
  const outcome = candidate === undefined ? 'the server is missing' : await probe(search, candidate)
  if (typeof outcome !== 'string') return outcome
  search.log(`The cached server in ${folder} is removed: ${outcome}`)
  rmSync(folder, { recursive: true, force: true })
  return undefined
}

/** @param {Search} search */
async function findByApt(search) {
  const hasApt = ['apt-get', 'dpkg-deb'].every((tool) => findTool(search, tool))
  if (search.platform !== 'linux' || !hasApt) return undefined
  search.log('Downloading a redis-server with apt-get (about 12 MB, nothing is installed) ...')
  try {
    const candidate = await downloadRedis(search)
    const outcome = await probe(search, candidate)
    if (typeof outcome !== 'string') return { ...outcome, source: 'apt-get download' }
    throw new Error(outcome)
  } catch (error) {
    search.log(error instanceof Error ? error.message : String(error))
    return undefined
  }
}

/**
 * @param {Search} search
 * @param {readonly string[]} folders
 * @param {string} source
 */
async function findInFolders(search, folders, source) {
  for (const name of serverNames) {
    for (const folder of folders) {
      const binary = path.join(folder, name)
      if (!isExecutable(binary)) continue
      const outcome = await probe(search, plainCandidate(binary, source))
      if (typeof outcome !== 'string') return outcome
      search.log(`${binary} is passed over: ${outcome}`)
    }
  }
  return undefined
}

/** @param {string} binary @param {string} source @returns {Candidate} */
function plainCandidate(binary, source) {
  return { binary, argv0: 'redis-server', env: {}, source }
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

/** @param {Search} search @param {string} tool */
function findTool(search, tool) {
  const folders = (search.env.PATH ?? '').split(path.delimiter).filter(Boolean)
  return folders.some((folder) => isExecutable(path.join(folder, tool)))
}

/**
 * The server, or the reason why it is none.
 *
 * @param {Search} search
 * @param {Candidate} candidate
 * @returns {Promise<RedisServer | string>}
 */
async function probe(search, candidate) {
  const { code, output } = await run(candidate.binary, ['--version'], {
    argv0: candidate.argv0,
    env: { ...search.env, ...candidate.env },
    timeoutMs: 10_000,
  })
  const match = / server v=((\d+)\.(\d+)\S*)/.exec(output)
  if (code !== 0 || match === null) {
    const said = output.trim().split('\n').at(0)
    return `it did not answer --version as a server does, but: ${said || `exit code ${code}`}`
  }
  const [, version = '', major, minor] = match
  const [oldestMajor = 0, oldestMinor = 0] = oldestVersion
  const isOldEnough =
    Number(major) > oldestMajor || (Number(major) === oldestMajor && Number(minor) >= oldestMinor)
  if (!isOldEnough) return `version ${version} is older than ${oldestVersion.join('.')}`
  return { ...candidate, version }
}

/** The one line to run, by what this system has. @param {Search} search */
function advice(search) {
  const installers = [
    ['apt-get', 'sudo apt-get install -y redis-server'],
    ['dnf', 'sudo dnf install -y valkey'],
    ['apk', 'sudo apk add redis'],
    ['pacman', 'sudo pacman -S --noconfirm valkey'],
    ['zypper', 'sudo zypper install -y redis'],
    ['brew', 'brew install valkey'],
  ]
  const known = installers.find(([tool = '']) => findTool(search, tool))?.[1]
  const line = known ?? (search.platform === 'darwin' ? 'brew install valkey' : undefined)
  if (line !== undefined) return `Run: ${line}`
  return 'Run: SLUICE_REDIS_SERVER=/path/to/redis-server npm test'
}

async function main() {
  try {
    const server = await provideRedisServer({ log: (line) => console.error(line) })
    const added = Object.entries(server.env).map(([name, value]) => ` ${name}=${value}`)
    console.log(`${server.version} from ${server.source}: ${server.binary}${added.join('')}`)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}

if (isMain(import.meta)) await main()
