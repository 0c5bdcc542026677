// Which part of src/ may import which. Everything may import itself and the base files.
import path from 'node:path'
import ts from 'typescript'
import { type Finding, isTest, lineAt, type Rule, type TextFile } from './rule.ts'

const baseFiles = [
  'clock.ts',
  'deadlines.ts',
  'duration.ts',
  'errors.ts',
  'events.ts',
  'options.ts',
  // Text for people: the nearest name, a shortened value.
  'text.ts',
]
const capabilities = ['lock/', 'semaphore/', 'queue/', 'limit/', 'redlock/', 'redis/']
const doors = ['index.ts', 'sluice.ts']
const frontDoorImports = [
  ...doors,
  ...['gate/', ...capabilities].flatMap((folder) => [`${folder}index.ts`, `${folder}open.ts`]),
  'engine/',
]

/** A folder or file of src/ and what else it may import. A slash at the end means all of it. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  engine: [],
  gate: ['engine/'],
  // A read-write lock is a semaphore whose writers take all permits.
  lock: ['gate/', 'semaphore/open.ts', 'engine/'],
  semaphore: ['gate/', 'engine/'],
  queue: ['gate/', 'engine/'],
  limit: ['gate/', 'engine/'],
  redlock: ['lock/open.ts', 'gate/', 'engine/'],
  redis: ['engine/'],
  // What a user holds is a Sluice: sluice.ts leads from it to the capabilities behind it.
  inspect: ['sluice.ts', ...capabilities, 'gate/', 'engine/'],
  http: ['inspect/', 'limit/'],
  dashboard: ['inspect/'],
  // The keyspace of a user's own Redis is nothing that a Sluice knows of.
  cli: ['inspect/', 'dashboard/', 'redis/index.ts', 'index.ts'],
  otel: [],
  testing: [...doors, ...capabilities, 'gate/', 'engine/', 'inspect/', 'http/', 'otel/'],
  'index.ts': frontDoorImports,
  // Queues know no kind of gate, and capabilities not each other.
  'gates.ts': ['gate/', ...['lock/', 'semaphore/', 'limit/'].map((folder) => `${folder}open.ts`)],
  'sluice.ts': [...frontDoorImports, 'gates.ts'],
}

interface Import {
  readonly from: string
  readonly to: string
  readonly line: number
}

/** The imports of a file that stay within src/, both ends written from src/. */
function listImports(file: TextFile): Import[] {
  const from = file.path.slice('src/'.length)
  return ts.preProcessFile(file.text, true, true).importedFiles.flatMap(({ fileName, pos }) => {
    if (!fileName.startsWith('.')) return []
    const to = path.posix.normalize(path.posix.join(path.posix.dirname(from), fileName))
    return [{ from, to, line: lineAt(file.text, pos) }]
  })
}

const unitOf = (name: string) => name.split('/', 1)[0] ?? ''
const covers = (allowed: string, to: string) =>
  allowed.endsWith('/') ? to.startsWith(allowed) : to === allowed

function problemOf({ from, to }: Import): string | undefined {
  if (to.startsWith('..')) return `imports ${to}, which is outside of src/`
  return wrongWay(from, to) ?? reachesStore(from, to) ?? namesEngine(from, to)
}

function wrongWay(from: string, to: string): string | undefined {
  const unit = unitOf(from)
  if (baseFiles.includes(to) || (unit.length < from.length && unit === unitOf(to))) return undefined
  const allowed = baseFiles.includes(from) ? [] : mayImport[unit]
  if (allowed === undefined) return `src/${unit} has no place in the table of test/tidy/imports.ts`
  if (allowed.some((entry) => covers(entry, to))) return undefined
  return `src/${unit} may not import ${to}`
}

/** A store is behind its open.ts. The waiter line's store is shared, on the same engine. */
function reachesStore(from: string, to: string): string | undefined {
  const match = /^([\w-]+)\/(redis|sqlite)\//.exec(to)
  if (match === null || match[1] === 'engine') return undefined
  const [store = '', unit, engine] = match
  const isSibling = from.startsWith(store) || from === `${unit}/open.ts`
  const isSharedLine = unit === 'gate' && from.includes(`/${engine}/`)
  return isSibling || isSharedLine ? undefined : `only ${unit}/open.ts may import ${to}`
}

/** Waiting, renewing and retrying are the same on every engine, and know none. */
function namesEngine(from: string, to: string): string | undefined {
  if (!/^engine\/(redis|sqlite)\//.test(to)) return undefined
  const mayKnow = /^(engine|redis|redlock|testing)\/|\/(redis|sqlite)\/|\/open\.ts$/.test(from)
  return mayKnow || doors.includes(from) ? undefined : `names an engine: ${to}`
}

function check(file: TextFile): Finding[] {
  if (!/^src\/.*\.ts$/.test(file.path) || isTest(file)) return []
  return listImports(file).flatMap((found) => {
    const message = problemOf(found)
    return message === undefined ? [] : [{ path: file.path, line: found.line, message }]
  })
}

const sample = (from: string, to: string): TextFile => ({
  path: `src/${from}`,
  text: `import type { X } from '${to}'\n`,
})

export const importsRunOneWay: Rule = {
  title: 'imports run one way',
  check,
  bad: [
    sample('errors.ts', './lock/lock.ts'),
    sample('engine/engine.ts', '../gate/gate.ts'),
    sample('gate/line.ts', '../lock/lock.ts'),
    sample('lock/lock.ts', '../queue/queue.ts'),
    sample('lock/lock.ts', './redis/store.ts'),
    sample('lock/lock.ts', '../engine/redis/script.ts'),
    sample('lock/redis/store.ts', '../sqlite/store.ts'),
    sample('limit/sqlite/store.ts', '../../gate/redis/store.ts'),
    sample('redlock/redlock.ts', '../lock/lock.ts'),
    sample('inspect/inspect.ts', '../lock/redis/store.ts'),
    sample('dashboard/page.ts', '../lock/index.ts'),
    sample('cli/keys.ts', '../redis/client.ts'),
    sample('http/hono.ts', '../lock/index.ts'),
    sample('testing/testing.ts', '../cli/main.ts'),
    sample('sluice.ts', './lock/lock.ts'),
    sample('lock/lock.ts', '../../scripts/run.js'),
    sample('elsewhere/thing.ts', '../lock/index.ts'),
    { path: 'src/lock/lock.ts', text: `export * from '../queue/index.ts'` },
    { path: 'src/lock/lock.ts', text: `const later = () => import('../queue/index.ts')` },
  ],
  good: [
    sample('options.ts', './errors.ts'),
    sample('lock/lock.ts', '../gate/gate.ts'),
    sample('lock/open.ts', './redis/store.ts'),
    sample('lock/redis/store.ts', '../../gate/redis/keys.ts'),
    sample('lock/redis/store.ts', '../../engine/redis/script.ts'),
    sample('lock/lock.test.ts', './redis/store.ts'),
    sample('redlock/redlock.ts', '../lock/open.ts'),
    sample('inspect/inspect.ts', '../queue/index.ts'),
    sample('cli/keys.ts', '../redis/index.ts'),
    sample('http/hono.ts', '../limit/index.ts'),
    sample('sluice.ts', './lock/open.ts'),
    sample('index.ts', './sluice.ts'),
    sample('lock/lock.ts', 'node:fs'),
  ],
}
