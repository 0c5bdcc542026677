// @ts-check
// Gets a redis-server out of Debian or Ubuntu packages, as root or not. apt works on a private
// state and cache, packages are unpacked and never installed, and the result appears in the cache
// in one step, so a run that is killed leaves nothing half done behind.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { run } from './run.js'

/** @typedef {import('./redis-server.js').Candidate} Candidate */

const packages = ['redis-tools', 'liblzf1', 'libjemalloc2', 'libatomic1']
const incomingPrefix = 'redis-incoming-'
const leftoverAfterMs = 3_600_000
const commandTimeoutMs = 120_000

/**
 * The server in a folder of unpacked packages. redis-tools holds it under another name: one
 * binary plays server, sentinel and checker, by the name that it is started under.
 *
 * @param {string} folder
 * @returns {Candidate | undefined}
 */
export function openDownloadedRedis(folder) {
  const binary = path.join(folder, 'usr', 'bin', 'redis-check-rdb')
  if (!existsSync(binary)) return undefined
  const libraries = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.so\.\d/.test(path.basename(file)))
    .map((file) => path.join(folder, path.dirname(file)))
  const env = { LD_LIBRARY_PATH: [...new Set(libraries)].join(':') }
  return { binary, argv0: 'redis-server', env, source: 'the cache' }
}

/**
 * @param {{ env: NodeJS.ProcessEnv, cacheFolder: string }} options
 * @returns {Promise<Candidate>}
 */
export async function downloadRedis({ env, cacheFolder }) {
  mkdirSync(cacheFolder, { recursive: true })
  removeLeftovers(cacheFolder)
  const incoming = mkdtempSync(path.join(cacheFolder, incomingPrefix))
  try {
    const apt = prepareApt(incoming, env)
    // One unreachable source of many makes update fail; whether it mattered, download tells.
    const update = await apt(['update'])
    const unpacked = path.join(incoming, 'unpacked')
    await downloadInto(unpacked, packages, { apt, env, incoming, said: update.output })
    if (await isShortOfLibraries(unpacked, env)) {
      // A slim image can lack libraries that every ordinary system has, libssl for one.
      const rest = await listDependencies(incoming, env)
      await downloadInto(unpacked, rest, { apt, env, incoming, said: update.output })
    }
    return moveIntoPlace(unpacked, path.join(cacheFolder, 'redis'))
  } finally {
    rmSync(incoming, { recursive: true, force: true })
  }
}

/** What earlier runs left when they were killed. @param {string} cacheFolder */
function removeLeftovers(cacheFolder) {
  for (const name of readdirSync(cacheFolder)) {
    const folder = path.join(cacheFolder, name)
    if (!name.startsWith(incomingPrefix)) continue
    if (Date.now() - statSync(folder).mtimeMs < leftoverAfterMs) continue
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * A function that runs apt-get with nothing shared with the system but its list of sources.
 *
 * @param {string} folder
 * @param {NodeJS.ProcessEnv} env
 */
function prepareApt(folder, env) {
  const state = path.join(folder, 'state')
  const cache = path.join(folder, 'cache')
  mkdirSync(path.join(state, 'lists', 'partial'), { recursive: true })
  mkdirSync(path.join(cache, 'archives', 'partial'), { recursive: true })
  const configuration = path.join(folder, 'apt.conf')
  const settings = [
    `Dir::State "${state}";`,
    'Dir::State::status "/var/lib/dpkg/status";',
    `Dir::Cache "${cache}";`,
    // Locks would be those of the system, and only root may take them.
    'Debug::NoLocking "1";',
    // As root, apt would download as a user who may not write here.
    'APT::Sandbox::User "root";',
    'Acquire::Languages "none";',
    'Acquire::Retries "2";',
    'Acquire::http::Timeout "20";',
    'Acquire::https::Timeout "20";',
    // Hooks of the system act on the system.
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
  ]
  writeFileSync(configuration, `${settings.join('\n')}\n`)
  const aptEnv = { ...env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
  return async (/** @type {readonly string[]} */ args) =>
    await run('apt-get', ['-q', '-c', configuration, ...args], {
      cwd: folder,
      env: aptEnv,
      timeoutMs: commandTimeoutMs,
    })
}

/**
 * @param {string} unpacked
 * @param {readonly string[]} names
 * @param {object} context
 * @param {ReturnType<typeof prepareApt>} context.apt
 * @param {NodeJS.ProcessEnv} context.env
 * @param {string} context.incoming where apt leaves the packages
 * @param {string} context.said what `apt-get update` said, which explains a failing download
 */
async function downloadInto(unpacked, names, { apt, env, incoming, said }) {
  const { code, output } = await apt(['download', ...names])
  if (code !== 0) {
    throw new Error(`apt-get could not download ${names.join(' ')}:\n${said}${output}`.trim())
  }
  for (const file of listArchives(incoming)) {
    const unpack = await run('dpkg-deb', ['-x', file, unpacked], { env })
    if (unpack.code !== 0) throw new Error(`${path.basename(file)}: ${unpack.output.trim()}`)
  }
}

/** @param {string} folder */
function listArchives(folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith('.deb'))
  return names.map((name) => path.join(folder, name))
}

/** @param {string} unpacked @param {NodeJS.ProcessEnv} env */
async function isShortOfLibraries(unpacked, env) {
  const server = openDownloadedRedis(unpacked)
  if (server === undefined) throw new Error('redis-tools came without redis-check-rdb')
  const { output } = await run(server.binary, ['--version'], {
    argv0: server.argv0,
    env: { ...env, ...server.env, LC_ALL: 'C' },
    timeoutMs: 10_000,
  })
  return output.includes('error while loading shared libraries')
}

/**
 * Everything that redis-tools names as a dependency and that is still to be fetched, but for what
 * every Debian has and for what only its installation needs.
 *
 * @param {string} incoming
 * @param {NodeJS.ProcessEnv} env
 */
async function listDependencies(incoming, env) {
  const archive = listArchives(incoming).find((file) => path.basename(file).startsWith('redis-'))
  const { output } = await run('dpkg-deb', ['-f', archive ?? '', 'Depends'], { env })
  const names = output.split(',').map((part) => part.trim().split(/[\s(|:]/, 1)[0] ?? '')
  const known = new Set([...packages, '', 'adduser', 'libc6'])
  return names.filter((name) => !known.has(name))
}

/**
 * @param {string} unpacked
 * @param {string} target
 * @returns {Candidate}
 */
function moveIntoPlace(unpacked, target) {
  try {
    renameSync(unpacked, target)
  } catch (error) {
    // Another run was faster: its server is as good as ours.
    if (!existsSync(target)) throw error
  }
  const server = openDownloadedRedis(target)
  if (server === undefined) throw new Error(`No server in ${target}`)
  return server
}
