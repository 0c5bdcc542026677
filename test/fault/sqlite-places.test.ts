// Paths that lead to no store, or to one that may not be written: refused in time, left as they are.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { loadDriver } from '../../src/engine/sqlite/driver.ts'
import {
  addJobs,
  type Bytes,
  bytesOf,
  COMMAND_TIMEOUT_MS,
  expectRefused,
  GRACE_MS,
  makeStores,
  openStores,
  outcomeOf,
  place,
} from './sqlite-fixture.ts'
import { makeImmutable, mountMemory, whyNoMount } from './sqlite-mounts.ts'

const cleanUps: (() => unknown)[] = []
let folder: string
let closed: Bytes
let crashed: Bytes

beforeAll(async () => {
  ;({ closed, crashed } = await makeStores())
})
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-places-'))
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
})
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const inFolder = (content: string | Buffer) => () => {
  const file = path.join(folder, 'store.db')
  writeFileSync(file, content)
  return file
}

async function otherDatabase(mode: string): Promise<string> {
  const file = path.join(folder, 'theirs.db')
  const database = (await loadDriver()).open(file)
  database.exec(
    `PRAGMA journal_mode = ${mode}; CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)`,
  )
  const copy = path.join(folder, 'copy.db')
  // Copied while open: with the log that a crash leaves, if there is one.
  copyFileSync(file, copy)
  if (mode === 'WAL') copyFileSync(`${file}-wal`, `${copy}-wal`)
  database.close()
  return copy
}

async function socketFile(): Promise<string> {
  const file = path.join(folder, 'socket')
  const server = createServer().listen(file)
  await once(server, 'listening')
  cleanUps.push(() => server.close())
  return file
}

const PLACES: readonly [string, () => string | Promise<string>][] = [
  ['a folder', () => folder],
  ['/dev/null', () => '/dev/null'],
  ['/dev/full', () => '/dev/full'],
  ['a socket', socketFile],
  ['text', inFolder('To whom it may concern, this is no database.\n'.repeat(20))],
  ['compressed text', inFolder(gzipSync('x'.repeat(10_000)))],
  ['a dump of Redis', inFolder(`REDIS0011\xfa${'x'.repeat(600)}`)],
  ['bytes of anything', inFolder(Buffer.alloc(8_192, 0xa7))],
  ['the header of a database, and no more', inFolder('SQLite format 3\0')],
  ['the database of another program', () => otherDatabase('DELETE')],
  ['the database of another program, with a log', () => otherDatabase('WAL')],
  ['a path of 5,000 characters', () => path.join(folder, 'x'.repeat(5_000))],
  ['a path through a file', () => path.join(inFolder('')(), 'store.db')],
]

const LINKS: readonly [string, (link: string) => void][] = [
  ['nowhere', (link) => symlinkSync(path.join(folder, 'nothing'), link)],
  ['round in a circle', (link) => symlinkSync(link, link)],
  ['to a folder', (link) => symlinkSync(folder, link)],
]

async function expectNothingDone(file: string, code = 'SLUICE_STORE_CORRUPT') {
  const before = readdirSync(folder)
  const { codes, worked, tookMs } = await outcomeOf(file)
  expect([codes, worked]).toEqual([[code], []])
  // An index of the log is made for whoever looks into a database that has a log.
  const added = readdirSync(folder).filter((name) => !before.includes(name))
  expect(added.filter((name) => !/-(wal|shm)$/.test(name))).toEqual([])
  expect(tookMs).toBeLessThan(COMMAND_TIMEOUT_MS + GRACE_MS)
}

describe('a path that leads to no store', () => {
  it.each(PLACES)('E6 %s is refused in time, and left as it is', async (_, make) => {
    const file = await make()
    const isFile = path.dirname(file) === folder && !file.endsWith('socket') && file.length < 999
    const before = isFile ? bytesOf(file) : []
    await expectNothingDone(file)
    if (isFile) expect(bytesOf(file)).toEqual(before)
  })

  it.each(LINKS)('E6 a link that leads %s is refused in time', async (_, make) => {
    const link = path.join(folder, 'link')
    make(link)
    await expectNothingDone(link)
  })

  it.each(['', '-journal', '-wal', '-shm'])(
    'E6 a pipe as the store%s is refused, and nobody waits for it',
    async (suffix) => {
      const file = suffix === '' ? path.join(folder, 'store.db') : place(folder, closed)
      execFileSync('mkfifo', [file + suffix])
      await expectNothingDone(file)
    },
  )

  it('E6 a path with a NUL is refused', async () => {
    const { engine } = openStores(`${folder}/a\0b`)
    await expect(engine.write(() => 1)).rejects.toMatchObject({
      code: 'SLUICE_ENGINE_UNAVAILABLE',
      outcome: 'not-applied',
    })
  })

  it('E6 a link to a store is that store', async () => {
    const file = place(folder, closed)
    const link = path.join(folder, 'link')
    symlinkSync(file, link)
    expect((await outcomeOf(link)).codes).toEqual([])
    expect(bytesOf(file)).not.toEqual([])
  })
})

/** Files in the folder that this process has open. */
function openFiles(): string[] {
  const links = readdirSync('/proc/self/fd').map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`)
    } catch {
      return ''
    }
  })
  return links.filter((link) => link.startsWith(folder))
}

// Only Linux shows them as files.
describe.skipIf(process.platform !== 'linux')('file handles', () => {
  it.each<[string, number, number]>([
    ['a newer format', 60, 9],
    ['the mark of another program', 68, 77],
    ['a damaged free list', 36, 99_999],
  ])('E6 a store with %s is let go, however often it is tried', async (_, at, value) => {
    const main = Buffer.from(closed.main)
    main.writeUInt32BE(value, at)
    const { queue } = openStores(place(folder, { main }))
    for (let call = 0; call < 50; call++) await expect(queue.counts('jobs')).rejects.toThrow()
    expect(openFiles()).toEqual([])
  })
})

const REFUSED = 'SLUICE_ENGINE_UNAVAILABLE'
const isRoot = process.getuid?.() === 0

/** Whether a file may be written does not bind root: it takes more than rights. */
describe('a store that may not be written', () => {
  const stores: readonly [string, () => Bytes][] = [
    ['closed', () => closed],
    ['with a log', () => crashed],
  ]

  const noMount = whyNoMount()
  if (noMount === null) {
    it.each(stores)(
      'E6 on a read-only file system is refused, and left as it is: %s',
      async (_, bytes) => {
        const mount = mountMemory('size=16m')
        cleanUps.push(() => mount.remove())
        const file = place(mount.folder, bytes())
        mount.change('ro')
        await expectRefused(file, REFUSED)
        const missing = path.join(mount.folder, 'new.db')
        await expectRefused(missing, REFUSED)
        await expectRefused(path.join(mount.folder, 'deep', 'new.db'), REFUSED)
        mount.change('rw')
        await addJobs(openAndKeep(file), 'jobs', ['1'])
      },
    )
  } else {
    it(`a read-only file system is NOT tested: ${noMount}`, () => {
      console.warn(`No read-only file system for the tests of SQLite: ${noMount}`)
    })
  }

  it.each(stores)(
    'E6 that nobody may change is refused, and left as it is: %s',
    async (_, bytes) => {
      const file = place(folder, bytes())
      const allow = isRoot ? makeImmutable(file) : forbid(file)
      if (typeof allow === 'string') {
        console.warn(`A file cannot be made immutable for the tests of SQLite: ${allow}`)
        return
      }
      cleanUps.push(allow)
      await expectRefused(file, REFUSED)
      allow()
      cleanUps.pop()
      await addJobs(openAndKeep(file), 'jobs', ['1'])
    },
  )

  it('E6 in a folder that nobody may change is refused, and left as it is', async () => {
    const locked = path.join(folder, 'locked')
    mkdirSync(locked)
    const file = place(locked, closed)
    const allow = isRoot ? makeImmutable(locked) : forbid(locked)
    if (typeof allow === 'string') {
      console.warn(`A folder cannot be made immutable for the tests of SQLite: ${allow}`)
      return
    }
    cleanUps.push(allow)
    await expectRefused(file, REFUSED)
    await expectRefused(path.join(locked, 'new.db'), REFUSED)
  })
})

function forbid(file: string): () => void {
  chmodSync(file, 0o555)
  return () => chmodSync(file, 0o777)
}

function openAndKeep(file: string) {
  const opened = openStores(file)
  cleanUps.push(() => opened.engine.close())
  return opened
}
