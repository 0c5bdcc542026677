// What a user can import. A name that comes or goes changes a list below: on purpose, or not at all.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '..')

interface PackageFile {
  name: string
  exports: Record<string, string | { types: string; default: string }>
  files: string[]
}

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as PackageFile

/** The entries that are modules, `.` being the package itself. */
const modules = Object.entries(manifest.exports).flatMap(([entry, target]) =>
  typeof target === 'string' ? [] : [{ entry, ...target }],
)

/** Where in src the module of an entry is. Frameworks share a folder, and have a file each. */
const moduleOf = (entry: string) =>
  existsSync(path.join(root, 'src/http', `${entry}.ts`))
    ? path.posix.join('http', entry)
    : path.posix.join(entry, 'index')

interface Names {
  readonly values: readonly string[]
  readonly types: readonly string[]
}

const words = (text: string) => text.trim().split(/\s+/).sort()

const names: Record<string, Names> = {
  '.': {
    values: words(`
      createSluice fixedWindow funnel slidingCounter slidingLog throttleNumbers tokenBucket
      ArgumentError ClosedError DriverMissingError EngineUnavailableError InternalError
      JobTimeoutError LockLostError LockTimeoutError SettingsMismatchError SluiceError
      StaleDeliveryError StoreCorruptError StoreFullError StoreResetError StoreVersionError`),
    types: words(`
      Clock Credentials Duration EngineEvents EngineHealth Logger LossReason Outcome Sluice
      SluiceOptions SluiceTarget Timer TlsOptions
      AcquireOptions Election ElectionOptions ForceReleaseOptions Hold HoldOptions Holder Latch
      LatchOptions LatchView Leader Leadership Lease Lock LockOptions LockView ManyLeases ManyLocks
      Metadata Permit PermitHolder PermitOptions Person ReadWriteLock ReadWriteView ReentryOptions
      Semaphore SemaphoreOptions SemaphoreView ShareMode UpgradableLease Waiter WriteLease
      AddOptions Backoff CloseOptions DeadLetter Delivery Handler Job Queue QueueCounts
      QueueOptions TakeOptions WorkOptions Worker
      CostOptions Limiter LimiterOptions PartVerdict Rule RuleVerdict ThrottleNumbers Verdict`),
  },
  './lock': {
    values: [],
    types: words(`
      AcquireOptions Election ElectionOptions ForceReleaseOptions Hold HoldOptions Holder Latch
      LatchOptions LatchView Leader Leadership Lease Lock LockOptions LockView ManyLeases ManyLocks
      Metadata Person ReadWriteLock ReadWriteView ReentryOptions ShareMode UpgradableLease Waiter
      WriteLease`),
  },
  './semaphore': {
    values: [],
    types: words('Permit PermitHolder PermitOptions Semaphore SemaphoreOptions SemaphoreView'),
  },
  './queue': {
    values: [],
    types: words(`
      AddOptions Backoff CloseOptions DeadLetter Delivery Handler Job Queue QueueCounts
      QueueOptions TakeOptions WorkOptions Worker`),
  },
  './limit': {
    values: words('fixedWindow funnel slidingCounter slidingLog throttleNumbers tokenBucket'),
    types: words(`
      CostOptions FixedWindowRule FunnelRule Limiter LimiterOptions PartVerdict RefillMode Rule RuleVerdict
      SlidingCounterRule SlidingLogRule ThrottleNumbers TokenBucketRule Verdict`),
  },
  './hono': { values: ['rateLimit'], types: words('Clients RateLimitOptions') },
  './express': {
    values: ['rateLimit'],
    types: words('Clients RateLimitOptions ServerReply ServerRequest'),
  },
  './fastify': {
    values: words('rateLimit rateLimitHook'),
    types: words('Clients FastifyHook HookReply HookRequest HookTarget RateLimitOptions'),
  },
  './koa': {
    values: ['rateLimit'],
    types: words('Clients KoaContext RateLimitOptions'),
  },
  './inspect': {
    values: words('createInspector'),
    types: words('Inspector LimitRow LockRow Overview QueueRow Section Sluice'),
  },
  './dashboard': {
    values: words('createDashboard serveDashboard'),
    types: words('Dashboard DashboardOptions DashboardServer ServeOptions'),
  },
  './testing': {
    values: words('createTestSluice testClock'),
    types: words('TestClock TestSluice'),
  },
}

function listDeclared(): Map<string, Names> {
  const program = ts.createProgram(
    modules.map(({ types }) => path.join(root, types)),
    // Names need no types of the language or of Node.
    { module: ts.ModuleKind.NodeNext, noLib: true, types: [], noEmit: true },
  )
  const checker = program.getTypeChecker()
  return new Map(
    modules.map(({ entry, types }) => {
      const source = program.getSourceFile(path.join(root, types))
      const module = source && checker.getSymbolAtLocation(source)
      const symbols = module ? checker.getExportsOfModule(module) : []
      const isValue = (symbol: ts.Symbol) => {
        const target =
          symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
        const isTypeOnly = symbol.declarations?.some(ts.isTypeOnlyExportDeclaration) ?? false
        return (target.flags & ts.SymbolFlags.Value) !== 0 && !isTypeOnly
      }
      const nameOf = (symbol: ts.Symbol) => symbol.name
      return [
        entry,
        {
          values: symbols.filter(isValue).map(nameOf).sort(),
          types: symbols
            .filter((symbol) => !isValue(symbol))
            .map(nameOf)
            .sort(),
        },
      ]
    }),
  )
}

/** In a plain Node, which reads `exports` as a user's does. */
async function listAtRunTime(): Promise<Record<string, string[]>> {
  const specifiers = modules.map(({ entry }) => path.posix.join(manifest.name, entry))
  const code = `
    const names = {}
    for (const specifier of ${JSON.stringify(specifiers)}) {
      names[specifier] = Object.keys(await import(specifier)).sort()
    }
    console.log(JSON.stringify(names))`
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', code],
    { cwd: root },
  )
  return JSON.parse(stdout)
}

describe('exports', () => {
  test('lead to files that the package contains', () => {
    for (const target of modules.flatMap(({ types, default: file }) => [types, file])) {
      expect(existsSync(path.join(root, target)), target).toBe(true)
      expect(manifest.files.some((folder) => target.startsWith(`./${folder}/`))).toBe(true)
    }
  })

  test('are the folders of src with an index, named alike, and the frameworks of http', () => {
    for (const { entry, types, default: file } of modules) {
      const module = path.posix.join('dist', moduleOf(entry))
      expect([types, file]).toEqual([`./${module}.d.ts`, `./${module}.js`])
    }
  })

  test('are written out, name by name', () => {
    for (const { entry } of modules) {
      const source = readFileSync(path.join(root, 'src', `${moduleOf(entry)}.ts`), 'utf8')
      expect(source, entry).not.toMatch(/export \*/)
    }
  })

  test('are these', () => {
    expect(Object.fromEntries(listDeclared())).toEqual(names)
  })

  test('are there at run time, and nothing else is', async () => {
    const expected = Object.entries(names).map(([entry, { values }]) => [
      path.posix.join(manifest.name, entry),
      values,
    ])
    expect(await listAtRunTime()).toEqual(Object.fromEntries(expected))
  })
})
