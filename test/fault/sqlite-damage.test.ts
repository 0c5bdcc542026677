// Files that are not what Sluice wrote: refused and left as they are, or used without making them
// worse.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { loadDriver } from '../../src/engine/sqlite/driver.ts'
import { FORMAT_VERSION } from '../../src/engine/sqlite/mark.ts'
import { schema } from '../../src/engine/sqlite/schema.gen.ts'
import { seededNumbers } from '../seeded.ts'
import {
  type Bytes,
  bytesOf,
  expectRefused,
  expectWorks,
  hashOf,
  integrityOf,
  makeStores,
  openStores,
  outcomeOf,
  place,
} from './sqlite-fixture.ts'

type Damage = (bytes: Buffer) => Buffer | undefined

const PAGE_BYTES = 4_096
const set8 = (at: number, value: number): Damage => edit((bytes) => bytes.writeUInt8(value, at))
const set16 = (at: number, value: number): Damage => edit((bytes) => bytes.writeUInt16BE(value, at))
const set32 = (at: number, value: number): Damage =>
  edit((bytes) => bytes.writeInt32BE(value | 0, at))
const cutTo = (length: (whole: number) => number): Damage => {
  return (bytes) => bytes.subarray(0, length(bytes.length))
}
const wipe = (from: (whole: number) => number, length = PAGE_BYTES): Damage =>
  edit((bytes) => bytes.fill(0, from(bytes.length), from(bytes.length) + length))

function edit(change: (bytes: Buffer) => unknown): Damage {
  return (bytes) => {
    change(bytes)
    return bytes
  }
}

let closed: Bytes
let crashed: Bytes
let folder: string

beforeAll(async () => {
  ;({ closed, crashed } = await makeStores())
})
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-damage-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function placeDamaged(damage: Damage, from: Bytes = closed): string {
  const copy = Buffer.from(from.main)
  return place(folder, { ...from, main: damage(copy) ?? copy })
}

const REFUSED: readonly [string, Damage, string?][] = [
  ...[1, 15, 16, 99, 100, 511, 4_095, 4_096, 4_097].map((length): [string, Damage] => [
    `cut to ${length} bytes`,
    cutTo(() => length),
  ]),
  ['cut to half', cutTo((whole) => whole >> 1)],
  ['one byte short', cutTo((whole) => whole - 1)],
  ['another magic', set8(0, 0x54)],
  ...[0, 1, 3, 100, 511].map((size): [string, Damage] => [
    `a page size of ${size}`,
    set16(16, size),
  ]),
  ['a page size of twice its own', set16(16, 8_192)],
  ['write version 3', set8(18, 3), 'SLUICE_ENGINE_UNAVAILABLE'],
  ['read version 3', set8(19, 3)],
  ['255 reserved bytes a page', set8(20, 255)],
  ['a wrong largest payload fraction', set8(21, 65)],
  ['a wrong smallest payload fraction', set8(22, 31)],
  ['a wrong leaf payload fraction', set8(23, 33)],
  ['more pages than there are', set32(28, 1_000_000)],
  ['fewer pages than there are', set32(28, 1)],
  ['a free list that starts at the header', set32(32, 1)],
  ['a free list that starts beyond the end', set32(32, 1_000_000)],
  [
    'a free list in a circle',
    edit((bytes) => bytes.writeUInt32BE(bytes.readUInt32BE(32), freeAt(bytes))),
  ],
  ['a wrong length of the free list', set32(36, 99_999)],
  ['schema format 5', set32(44, 5)],
  ['text in UTF-16', set32(56, 2)],
  ['automatic vacuuming on', set32(52, 9)],
  ['format -1', set32(60, -1), 'SLUICE_STORE_VERSION'],
  ['format 0', set32(60, 0), 'SLUICE_STORE_VERSION'],
  ['a newer format', set32(60, FORMAT_VERSION + 1), 'SLUICE_STORE_VERSION'],
  ['the mark of another program', set32(68, 77)],
  ['no mark', set32(68, 0)],
  ['text where the schema is', edit((bytes) => bytes.write('hello, this is text', 100))],
  ['a first page of zeros', wipe(() => 0)],
  ['a second page of zeros', wipe(() => PAGE_BYTES)],
  ['a schema of zeros', wipe(() => 100, PAGE_BYTES - 100)],
]

/** What SQLite does not need, or makes anew. */
const HARMLESS: readonly [string, Damage][] = [
  ['no length, which is found by the size', set32(28, 0)],
  ['another schema cookie', set32(40, 12_345)],
  ['schema format 0', set32(44, 0)],
  ['an unknown encoding', set32(56, 0)],
  ['the log turned off', edit((bytes) => bytes.fill(1, 18, 20))],
]

const freeAt = (bytes: Buffer) => (bytes.readUInt32BE(32) - 1) * PAGE_BYTES

describe('a damaged file', () => {
  it.each(REFUSED)('E6 with %s is refused, and left as it is', async (_, damage, code) => {
    await expectRefused(placeDamaged(damage), code)
  })

  it.each(REFUSED)(
    'E6 with %s and a log is refused and left so, or mended by it',
    async (_, damage, code) => {
      const file = placeDamaged(damage, crashed)
      const before = bytesOf(file)
      const { codes, worked } = await outcomeOf(file)
      if (codes.length === 0) return expect(await integrityOf(file)).toEqual(['ok'])
      expect([codes, worked]).toEqual([[code ?? 'SLUICE_STORE_CORRUPT'], []])
      expect(bytesOf(file)).toEqual(before)
    },
  )

  it.each(HARMLESS)('E6 with %s works', async (_, damage) => {
    await expectWorks(placeDamaged(damage))
  })

  it('E6 that is empty, but has a log, is refused, and the log is left as it is', async () => {
    const file = place(folder, { ...crashed, main: Buffer.alloc(0) })
    await expectRefused(file)
    rmSync(file)
    const before = hashOf(`${file}-wal`)
    expect((await outcomeOf(file)).codes).toEqual(['SLUICE_STORE_CORRUPT'])
    expect(hashOf(`${file}-wal`)).toBe(before)
  })

  it('E6 that is empty, and has none, is a new store', async () => {
    await expectWorks(place(folder, { main: Buffer.alloc(0) }))
  })
})

type PageClass =
  | 'schema'
  | 'table branch'
  | 'table leaf'
  | 'index branch'
  | 'index leaf'
  | 'overflow'
  | 'free'

const CLASS_BY_TYPE: Readonly<Record<number, PageClass>> = {
  2: 'index branch',
  5: 'table branch',
  10: 'index leaf',
  13: 'table leaf',
}

/** Offsets of the pages of each class. */
function pagesOf(main: Buffer): Map<PageClass, number[]> {
  const free = new Set<number>()
  for (let trunk = main.readUInt32BE(32); trunk !== 0; ) {
    const at = (trunk - 1) * PAGE_BYTES
    free.add(at)
    for (let leaf = 0; leaf < main.readUInt32BE(at + 4); leaf++) {
      free.add((main.readUInt32BE(at + 8 + 4 * leaf) - 1) * PAGE_BYTES)
    }
    trunk = main.readUInt32BE(at)
  }
  const pages = new Map<PageClass, number[]>()
  for (let at = 0; at < main.length; at += PAGE_BYTES) {
    const known = CLASS_BY_TYPE[main[at] ?? 0] ?? 'overflow'
    const found = at === 0 ? 'schema' : free.has(at) ? 'free' : known
    pages.set(found, [...(pages.get(found) ?? []), at])
  }
  return pages
}

const FLIPS_A_CLASS = Number(process.env.SLUICE_FLIPS ?? 6)
const CLASSES: PageClass[] = [
  'schema',
  'table branch',
  'table leaf',
  'index branch',
  'index leaf',
  'overflow',
  'free',
]

describe('a flipped bit', () => {
  it.each(CLASSES)(
    'E6 in a page of class "%s" ends in typed errors or answers, and makes nothing worse',
    async (name) => {
      const pages = pagesOf(closed.main).get(name) ?? []
      expect(pages.length).toBeGreaterThan(0)
      for (let seed = 1; seed <= FLIPS_A_CLASS; seed++) {
        const random = seededNumbers(seed * 1_000 + name.length)
        const page = pages[Math.floor(random() * pages.length)] ?? 0
        const [start, length] = page === 0 ? [100, PAGE_BYTES - 100] : [page, PAGE_BYTES]
        const at = start + Math.floor(random() * (seed % 2 ? 100 : length))
        const bit = 1 << Math.floor(random() * 8)
        const file = placeDamaged(edit((bytes) => bytes.writeUInt8((bytes[at] ?? 0) ^ bit, at)))
        const before = bytesOf(file)
        const { codes, worked } = await outcomeOf(file)
        const what = `seed ${seed}, byte ${at}, bit ${bit}: ${codes}`
        expect(
          codes.every((code) => code === 'SLUICE_STORE_CORRUPT'),
          what,
        ).toBe(true)
        if (worked.length === 0) expect(bytesOf(file), what).toEqual(before)
        else expect((await integrityOf(file, 'quick_check')).join(), what).not.toContain('***')
        for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
      }
    },
  )
})

const LOG_HEADER_BYTES = 32
const FRAME_BYTES = 24 + PAGE_BYTES

/** What is left of ten jobs that were added one by one. */
async function lateJobs(file: string): Promise<string[]> {
  const { engine } = openStores(file)
  const rows = await engine.read((transaction) =>
    transaction.all<{ payload: string }>(
      "SELECT payload FROM job JOIN queue ON queue.id = job.queue WHERE name = 'late' ORDER BY job.id",
    ),
  )
  await engine.close()
  return rows.map(({ payload }) => payload)
}

const LOGS: readonly [string, Damage][] = [
  ['missing', () => Buffer.alloc(0)],
  ['cut within its header', cutTo(() => 20)],
  ['cut within a frame', cutTo((whole) => whole - 100)],
  ['cut to half', cutTo((whole) => whole >> 1)],
  ['of another salt', set32(16, 7)],
  ['of another magic', set32(0, 7)],
  ['of a frame with another salt', set32(LOG_HEADER_BYTES + 8, 7)],
  ['of a frame with another checksum', set32(LOG_HEADER_BYTES + FRAME_BYTES + 16, 7)],
  ['of a frame with a flipped bit', set8(LOG_HEADER_BYTES + 2 * FRAME_BYTES + 2_000, 0xa7)],
  ['of zeros', edit((bytes) => bytes.fill(0))],
]

describe('a damaged log', () => {
  it.each(LOGS)('E6 %s: the store is whole, as of one of its last commits', async (_, damage) => {
    const log = Buffer.from(crashed.log ?? '')
    const file = place(folder, { main: crashed.main, log: damage(log) ?? log })
    const late = await lateJobs(file)
    expect(late).toEqual(Array.from({ length: late.length }, (_, index) => String(index)))
    expect(late.length).toBeLessThan(10)
    await expectWorks(file)
  })

  it('E6 of another program is refused, and left as it is', async () => {
    const theirs = path.join(folder, 'theirs.db')
    const database = (await loadDriver()).open(theirs)
    database.exec(
      'PRAGMA journal_mode = WAL; CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)',
    )
    const log = readFileSync(`${theirs}-wal`)
    database.close()
    await expectRefused(place(folder, { main: closed.main, log }))
  })

  it.each<[string, (shm: string) => void]>([
    ['missing', () => {}],
    ['empty', (shm) => writeFileSync(shm, '')],
    ['of random bytes', (shm) => writeFileSync(shm, randomBytes(32_768))],
    ['cut short', (shm) => writeFileSync(shm, randomBytes(100))],
  ])('E6 an index of the log that is %s is made anew', async (_, damage) => {
    const file = place(folder, crashed)
    damage(`${file}-shm`)
    expect(await lateJobs(file)).toHaveLength(10)
    await expectWorks(file)
  })
})

describe('files that are removed while the store is open', () => {
  it.each(['', '-wal', '-shm'])(
    'E6 store.db%s: the store is not written to any more',
    async (suffix) => {
      const file = place(folder, closed)
      const { engine, queue } = openStores(file)
      await queue.counts('jobs')
      rmSync(file + suffix)
      await new Promise((resolve) => setTimeout(resolve, 1_050))
      await expect(queue.counts('jobs')).rejects.toMatchObject({
        code: 'SLUICE_STORE_CORRUPT',
        key: file,
        message: expect.stringContaining('Restart'),
      })
      await engine.close()
    },
  )
})

function randomBytes(length: number): Buffer {
  const random = seededNumbers(length)
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))
}

describe('a rollback journal', () => {
  /** Of a first page, as SQLite writes it. */
  function journalOf(pageCount: number, page?: Buffer): Buffer {
    const header = Buffer.alloc(512)
    header.write('d9d505f920a163d7', 'hex')
    const numbers = [page ? 1 : 0, 99, pageCount, 512, PAGE_BYTES]
    for (const [index, value] of numbers.entries()) header.writeUInt32BE(value, 8 + 4 * index)
    if (!page) return header
    let checksum = 99
    for (let at = PAGE_BYTES - 200; at > 0; at -= 200) checksum += page[at] ?? 0
    const [number, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    number.writeUInt32BE(1)
    sum.writeUInt32BE(checksum)
    return Buffer.concat([header, number, page, sum])
  }

  /** A store that was only marked, before its log was turned on. */
  async function marked(): Promise<Buffer> {
    const file = path.join(folder, 'marked.db')
    const database = (await loadDriver()).open(file)
    database.exec(
      `${schema}; PRAGMA application_id = 0x536c7569; PRAGMA user_version = ${FORMAT_VERSION}`,
    )
    database.close()
    return readFileSync(file)
  }

  async function placeWithJournal(main: Buffer, journal: Buffer): Promise<string> {
    const file = place(folder, { main })
    writeFileSync(`${file}-journal`, journal)
    return file
  }

  it('E6 that a process left which was killed while it marked the file is undone', async () => {
    await expectWorks(
      await placeWithJournal((await marked()).subarray(0, PAGE_BYTES), journalOf(0)),
    )
  })

  it('E6 that a process left which was killed while it turned the log on is undone', async () => {
    const main = await marked()
    const first = Buffer.from(main.subarray(0, PAGE_BYTES))
    main.fill(2, 18, 20)
    await expectWorks(await placeWithJournal(main, journalOf(2, first)))
  })

  it.each<[string, () => Buffer]>([
    ['of random bytes', () => randomBytes(5_000)],
    ['of an empty file', () => journalOf(0)],
    ['with a first page of another program', () => journalOf(9, randomBytes(PAGE_BYTES))],
    ['cut short', () => journalOf(9).subarray(0, 20)],
  ])('E6 %s beside a store is refused, and both are left as they are', async (_, journal) => {
    const file = await placeWithJournal(closed.main, journal())
    await expectRefused(file)
    expect(readFileSync(`${file}-journal`)).toEqual(journal())
  })

  it('E6 with nothing to undo is nothing', async () => {
    await expectWorks(await placeWithJournal(closed.main, Buffer.alloc(512)))
  })

  it.each(['-journal', '-wal', '-shm'])('E6 a folder as %s is refused', async (suffix) => {
    const file = place(folder, closed)
    const before = hashOf(file)
    mkdirSync(file + suffix)
    expect((await outcomeOf(file)).codes).toEqual(['SLUICE_STORE_CORRUPT'])
    expect(hashOf(file)).toBe(before)
  })
})
