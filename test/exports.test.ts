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
      concurrency createSluice fixedWindow funnel slidingCounter slidingLog throttleNumbers tokenBucket
      ArgumentError ClosedError DriverMissingError EngineUnavailableError InternalError
      Defer JobFailedError KeyFullError NotAddressableError NotDurableError ResultTimeoutError TooManySchedulesError JobTimeoutError LockLostError LockTimeoutError QueueBusyError QueueFullError SettingsMismatchError SluiceError
      StaleDeliveryError StoreCorruptError StoreFullError StoreResetError StoreVersionError
      UnrecoverableError`),
    types: words(`
      Clock Credentials Duration EngineEvents EngineHealth Logger LossReason Outcome Sluice
      SluiceOptions SluiceTarget Timer TlsOptions
      AcquireOptions Election ElectionOptions ForceReleaseOptions Hold HoldOptions Holder Latch
      LatchOptions LatchView Leader Leadership Lease Lock LockOptions LockView ManyLeases ManyLocks
      Metadata Permit PermitHolder PermitOptions Person ReadWriteLock ReadWriteView ReentryOptions
      Semaphore SemaphoreOptions SemaphoreView ShareMode UpgradableLease Waiter WriteLease
      AddedJob AddOptions Backoff BackoffFunction BatchHandler BatchResult BatchWorkOptions CloseOptions DeadLetter
      DeadLetters Dedupe DeliveriesOptions Delivery Durability EventsOptions FailedAttempt FailureKind Handler Job JobEntry JobPage JobView ListOptions OpenQueue Queue QueueCounts QueueEvent
      QueueOptions Schedule ScheduleOptions SchedulePage ScheduleRule ScheduleSlot Schedules Schema SchemaInput SchemaIssue SchemaOutput SchemaQueueOptions SureAddOptions TakeOptions WorkOptions Worker
      HeldGate JobNeeds LimitNeed LockNeed OfData QueueLimit QueueNeeds SemaphoreNeed Why
      AllVerdict ConcurrencyRule CostOptions FailurePolicy JointLimiter LimitLease Limiter LimiterOptions LimiterTakeOptions PartVerdict
      Rule RuleVerdict TakeAllOptions TakeItem ThrottleNumbers Verdict VerdictSource WaitOptions WaitVerdict`),
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
    values: words(
      'Defer JobFailedError KeyFullError NotAddressableError NotDurableError QueueBusyError QueueFullError ResultTimeoutError TooManySchedulesError',
    ),
    types: words(`
      AddedJob Addressed AddOptions Backoff BackoffFunction BatchHandler BatchResult BatchWorkOptions CloseOptions DeadLetter
      DeadLetters Dedupe DeliveriesOptions Delivery Durability EventsOptions FailedAttempt FailureKind GateRow Handler Job JobEntry JobPage JobView ListOptions NamingOptions OpenQueue ParkedOn Queue QueueCounts QueueEvent
      QueueOptions Schedule ScheduleOptions SchedulePage ScheduleRule ScheduleSlot Schedules
      Schema SchemaInput SchemaIssue SchemaOutput SchemaQueueOptions SureAddOptions TakeOptions WorkOptions Worker
      HeldGate JobNeeds LimitNeed LockNeed OfData QueueLimit QueueNeeds SemaphoreNeed Why`),
  },
  './limit': {
    values: words(
      'concurrency fixedWindow funnel slidingCounter slidingLog throttleNumbers tokenBucket',
    ),
    types: words(`
      AllVerdict ConcurrencyRule CostOptions FailurePolicy FixedWindowRule FunnelRule JointLimiter LimitLease Limiter
      LimiterCounts LimiterOptions LimiterTakeOptions PartVerdict RefillMode Rule RuleVerdict TakeAllOptions
      TakeItem TopKey VerdictSource WaitOptions WaitVerdict SlidingCounterRule SlidingLogRule ThrottleNumbers TokenBucketRule Verdict`),
  },
  './redis': {
    values: words(`
      deleteKeys drainKey escapeGlob findBigKeys openRedis pipeline preflight scanKeys transaction
      CommandError PipelineError TransactionAbortedError TransactionConflictError
      TransactionPartialError TransactionUnknownError`),
    types: words(`
      BigKey BigKeysOptions BigKeysProgress BigKeysReport Command CommandResult DeleteOptions
      DeleteProgress DeleteReport DrainOptions DrainProgress DrainReport Finding KeyScan KeySum
      LazySetting OpenRedis OpenRedisOptions PipelineOptions PipelineResults PipelineValues PrefixSum
      PreflightReport Queued RedisTarget Resolved ScanOptions ScanProgress ServerFacts Transaction
      TransactionOptions`),
  },
  './redlock': {
    values: words('QuorumError redlock'),
    types: words(
      'NodeVote Redlock RedlockLock RedlockLockOptions RedlockNode RedlockOptions RedlockView',
    ),
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
    types: words(
      'FailedAttempt GateRow Inspector JobEntry JobView LimiterCounts LimitRow LockRow Overview QueueDesk QueueRow Section Sluice TopKey Why',
    ),
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
