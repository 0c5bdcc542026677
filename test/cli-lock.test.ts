// `sluice lock` as people use it: the built program, with real commands under it, on both engines.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../scripts/prepare.js'
import { type CleanUps, cliEngines, clientOf, openFile, type Place, program } from './cli.ts'
import { HOSTILE_NAMES } from './hostile-names.ts'
import { startRedis } from './redis.ts'

const family = path.join(import.meta.dirname, 'processes', 'cli-family.js')
/** Starting a process takes seconds on a machine that has other work. */
const PATIENT = { timeout: 30_000, interval: 5 }
const TEST_TIMEOUT_MS = 60_000
/** Traps signals at once, unlike `sleep 60`, which a shell waits for first. */
const FOR_EVER = 'while :; do sleep 0.05; done'

const cleanUps: CleanUps = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})
beforeAll(() => ensureBuilt({ log: () => {} }), 60_000)

interface Run {
  child: ChildProcess
  stdout(): string
  stderr(): string
  /** The exit code, when the process itself has ended. */
  ended: Promise<number | null>
  /** The same when all who inherited its output have ended too. */
  closed: Promise<number | null>
}

const fileOf = () => openFile(cleanUps)
const clientAt = (place: Place) => clientOf(place, cleanUps)

function start(words: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = tmpdir()): Run {
  return startProgram(process.execPath, [program, ...words], env, cwd)
}

function startProgram(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd = tmpdir(),
): Run {
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, NODE_ENV: 'test', ...env },
    stdio: 'pipe',
  })
  cleanUps.push(() => child.kill('SIGKILL'))
  child.stdin.on('error', () => {})
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      texts[name] += chunk
    })
  }
  return {
    child,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    ended: new Promise((resolve) => child.once('exit', resolve)),
    closed: new Promise((resolve) => child.once('close', resolve)),
  }
}

/** `sluice lock WORDS`, with the store in the environment and on the command line. */
function lock({ url, prefix }: Place, ...words: string[]): Run {
  const [name = '', ...rest] = words
  const options = prefix === undefined ? [] : ['--prefix', prefix]
  return start(['lock', name, ...options, ...rest], { SLUICE_URL: url })
}

const shell = (script: string) => ['--', 'sh', '-c', script]

/** What is still there is ended after the test. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function endLater(pid: number): void {
  cleanUps.push(() => isAlive(pid) && process.kill(pid, 'SIGKILL'))
}

describe.each(cliEngines)('on $name', { timeout: TEST_TIMEOUT_MS }, ({ open }) => {
  it('lets one command run at a time', async () => {
    const place = open(cleanUps)
    const folder = mkdtempSync(path.join(tmpdir(), 'sluice-cli-count-'))
    cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
    const file = path.join(folder, 'count')
    writeFileSync(file, '0')
    const count = `n=$(cat '${file}'); sleep 0.05; echo $((n + 1)) > '${file}'`
    const runs = Array.from({ length: 6 }, () => lock(place, 'count', ...shell(count)))
    expect(await Promise.all(runs.map(({ closed }) => closed))).toEqual(runs.map(() => 0))
    expect(readFileSync(file, 'utf8').trim()).toBe('6')
  })

  it('tells who is in the way, and gives up with 75 after the wait or at once', async () => {
    const place = open(cleanUps)
    const sluice = clientAt(place)
    const lease = await sluice.lock('door').acquire()
    const queued = sluice.lock('door').acquire({ wait: '1m' })
    await expect.poll(async () => (await sluice.lock('door').inspect()).waiters.length).toBe(1)
    const holder = `held by ${hostname().replace(/[^\w-]/g, '_')} \\(pid ${process.pid}\\) for \\d+s`

    const patient = lock(place, 'door', '--wait', '300ms', ...shell('echo ran'))
    expect(await patient.closed).toBe(75)
    expect(patient.stderr()).toMatch(
      new RegExp(
        `^waiting for "door": ${holder}, 1 ahead of you\n` +
          `"door" not acquired: ${holder}, 1 waiting in front\n$`,
      ),
    )
    expect(patient.stdout()).toBe('')
    const hasty = lock(place, 'door', '--no-wait', '--conflict-exit-code', '0', '--', 'true')
    expect(await hasty.closed).toBe(0)
    expect(hasty.stderr()).toMatch(new RegExp(`^"door" not acquired: ${holder}`))
    await lease.release()
    await (await queued).release()
    expect(await lock(place, 'door', '--no-wait', '--', 'true').closed).toBe(0)
  })

  it('waits until it is its turn', async () => {
    const place = open(cleanUps)
    const lease = await clientAt(place).lock('door').acquire()
    const run = lock(place, 'door', ...shell('echo ran'))
    await expect.poll(run.stderr, PATIENT).toContain('waiting for "door"')
    expect(run.stdout()).toBe('')
    await lease.release()
    expect(await run.closed).toBe(0)
    expect(run.stdout()).toBe('ran\n')
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('leaves the line at %s', async (signal) => {
    const place = open(cleanUps)
    const sluice = clientAt(place)
    const lease = await sluice.lock('door').acquire()
    const run = lock(place, 'door', ...shell('echo ran'))
    const waiters = async () => (await sluice.lock('door').inspect()).waiters.length
    await expect.poll(waiters, PATIENT).toBe(1)
    run.child.kill(signal)
    expect(await run.closed).toBe(signal === 'SIGTERM' ? 143 : 130)
    expect(await waiters()).toBe(0)
    expect(run.stdout()).toBe('')
    await lease.release()
  })

  it('ends a command that ignores SIGTERM when the lock is lost, with 76', async () => {
    const place = open(cleanUps)
    const stubborn = `trap "echo asked" TERM; echo $$; ${FOR_EVER}`
    const run = lock(place, 'door', '--ttl', '1s', '--grace', '400ms', ...shell(stubborn))
    await expect.poll(run.stdout, PATIENT).toMatch(/^\d+\n/)
    const pid = Number(run.stdout())
    endLater(pid)
    run.child.kill('SIGSTOP')
    const lease = await clientAt(place).lock('door').acquire({ wait: '20s' })
    run.child.kill('SIGCONT')
    await expect.poll(run.stdout, PATIENT).toContain('asked')
    expect(await run.closed).toBe(76)
    expect(isAlive(pid)).toBe(false)
    expect(run.stderr()).toMatch(/^lost "door": .+; SIGTERM to "sh", SIGKILL after 400ms$/m)
    lease.assertHeld()
    await lease.release()
  })

  it('killed, leaves its command running, and the lock free after the ttl', async () => {
    const place = open(cleanUps)
    const run = lock(place, 'door', '--ttl', '1s', ...shell(`echo $$; ${FOR_EVER}`))
    await expect.poll(run.stdout, PATIENT).toMatch(/^\d+\n/)
    const pid = Number(run.stdout())
    endLater(pid)
    const sluice = clientAt(place)
    expect(await sluice.lock('door').tryAcquire()).toBe(null)
    run.child.kill('SIGKILL')
    const killedMs = performance.now()
    await (await sluice.lock('door').acquire({ wait: '20s' })).release()
    expect(performance.now() - killedMs).toBeLessThan(2_000)
    expect(isAlive(pid)).toBe(true)
  })

  it('holds locks of any name', async () => {
    const place = open(cleanUps)
    const names = HOSTILE_NAMES.filter((_, index) => index % 4 === 0)
    for (let at = 0; at < names.length; at += 4) {
      const some = names.slice(at, at + 4)
      const runs = some.map((name) => lock(place, name, ...shell('printf %s "$SLUICE_LOCK_NAME"')))
      expect(await Promise.all(runs.map(({ closed }) => closed))).toEqual(some.map(() => 0))
      expect(runs.map(({ stdout }) => stdout())).toEqual(some)
    }
  })

  it('tells the command what it holds, and programs in JSON what happens', async () => {
    const place = open(cleanUps)
    const run = lock(place, 'door', '--ttl', '7s', '--json', ...shell('env; exit 3'))
    expect(await run.closed).toBe(3)
    const [acquired, released] = run
      .stderr()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const { owner, fence } = acquired
    expect(acquired).toMatchObject({ event: 'acquired', name: 'door', atMs: expect.any(Number) })
    expect(released).toMatchObject({ event: 'released', name: 'door', exitCode: 3 })
    expect(run.stdout().split('\n')).toEqual(
      expect.arrayContaining([
        'SLUICE_LOCK_NAME=door',
        `SLUICE_LOCK_FENCE=${fence}`,
        `SLUICE_LOCK_OWNER=${owner}`,
        'SLUICE_LOCK_TTL_MS=7000',
      ]),
    )
    const next = await clientAt(place).lock('door').acquire()
    expect(next.fence).toBeGreaterThan(fence)
    await next.release()
  })
})

describe.each(cliEngines)('with slots, on $name', { timeout: TEST_TIMEOUT_MS }, ({ open }) => {
  it('lets as many commands run as there are', async () => {
    const place = open(cleanUps)
    const script = 'printenv SLUICE_LOCK_FENCE || echo none; read line'
    const options = ['--slots', '2', '--label', 'a film']
    process.env.SLUICE_LOCK_FENCE = '7'
    cleanUps.push(() => delete process.env.SLUICE_LOCK_FENCE)
    const two = [0, 1].map(() => lock(place, 'door', ...options, ...shell(script)))
    for (const run of two) await expect.poll(run.stdout, PATIENT).toBe('none\n')
    const third = lock(place, 'door', '--slots', '2', '--no-wait', ...shell(script))
    expect(await third.closed).toBe(75)
    expect(third.stderr()).toMatch(/^"door" not acquired: held by .+ \(pid \d+\) for \d+s\n$/)

    const other = lock(place, 'door', '--slots', '3', '--no-wait', ...shell(script))
    expect(await other.closed).toBe(64)
    expect(other.stderr()).toMatch(/in use with 2 permits, this process says 3/)

    const patient = lock(place, 'door', '--slots', '2', ...shell('echo ran'))
    await expect.poll(patient.stderr, PATIENT).toContain('waiting for "door": held by')
    two[0]?.child.stdin?.end('go on\n')
    expect(await patient.closed).toBe(0)
    expect(patient.stdout()).toBe('ran\n')
    expect(patient.stderr()).toMatch(/^acquired "door"$/m)
    two[1]?.child.stdin?.end('go on\n')
    expect(await Promise.all(two.map(({ closed }) => closed))).toEqual([0, 0])
  })
})

describe('a store that goes away', { timeout: TEST_TIMEOUT_MS }, () => {
  async function hold(ttl: string, script: string) {
    const server = await startRedis()
    cleanUps.push(() => server.kill())
    const run = lock({ url: server.url }, 'door', '--ttl', ttl, ...shell(script))
    await expect.poll(run.stdout, PATIENT).toContain('ready')
    return { server, run }
  }

  it('ends the command when the lease cannot be renewed', async () => {
    const { server, run } = await hold(
      '3s',
      `trap "echo asked; exit" TERM; echo ready; ${FOR_EVER}`,
    )
    server.pause()
    const pausedMs = performance.now()
    await expect.poll(run.stdout, PATIENT).toContain('asked')
    expect(performance.now() - pausedMs).toBeLessThan(4_000)
    expect(await run.ended).toBe(76)
    expect(run.stderr()).toMatch(/^lost "door": it could not be renewed in time; SIGTERM/m)
  })

  it('ends it also when nobody reads our messages any more', async () => {
    // The shell itself says what ended beside it, and must not wait for a reader either.
    const noise = '(head -c 1000000 /dev/zero >&2) & exec 2> /dev/null;'
    const script = `trap "echo asked; exit" TERM; ${noise} echo ready; ${FOR_EVER}`
    // A pipe that nobody reads before a line comes from here. A socket would not get quite full.
    const unread =
      '{ { "$@" 2>&1 >&3 </dev/null 4<&-; echo "code $?" >&3; } | { read line <&4; cat >&2; }; } 3>&1 4<&0'
    const server = await startRedis()
    cleanUps.push(() => server.kill())
    const words = [process.execPath, program, 'lock', 'door', '--ttl', '3s', ...shell(script)]
    const run = startProgram('sh', ['-c', unread, 'sh', ...words], { SLUICE_URL: server.url })
    await expect.poll(run.stdout, PATIENT).toContain('ready')
    server.pause()
    await expect.poll(run.stdout, PATIENT).toContain('asked')
    expect(run.stderr()).toBe('')
    run.child.stdin?.end('read on\n')
    await run.closed
    expect(run.stdout()).toContain('code 76')
    expect(run.stderr()).toMatch(/is unavailable: [\s\S]*lost "door"/)
  })

  it('keeps the exit code of a command that ended in time', async () => {
    const { server, run } = await hold('30s', 'echo ready; read line; exit 4')
    await server.kill()
    run.child.stdin?.end('go on\n')
    expect(await run.closed).toBe(4)
    expect(run.stderr()).toMatch(/^"door" could not be released, and is free in 30s: /m)
  })

  it('is 69 when it was never there', async () => {
    const run = lock({ url: 'redis://127.0.0.1:1' }, 'door', ...shell('echo ran'))
    expect(await run.closed).toBe(69)
    expect(run.stderr()).toMatch(/^error: .*127\.0\.0\.1:1/m)
    expect(run.stdout()).toBe('')
  })
})

describe('the command', { timeout: TEST_TIMEOUT_MS }, () => {
  it('gets our standard input, and its output is all there is on standard output', async () => {
    const run = lock(fileOf(), 'door', '--', 'cat')
    run.child.stdin?.end('one\ntwo\n')
    expect(await run.closed).toBe(0)
    expect(run.stdout()).toBe('one\ntwo\n')
  })

  it('gets every word behind the first -- as it stands', async () => {
    const words = ['--ttl', '--', '', '-x', '$HOME', "it's", 'a b']
    const run = lock(fileOf(), 'door', '--', 'printf', '%s|', ...words)
    expect(await run.closed).toBe(0)
    expect(run.stdout()).toBe(`${words.join('|')}|`)
  })

  it.each([
    ['its own', ['sh', '-c', 'exit 3'], 3],
    ['128 + 9 when killed', ['sh', '-c', 'kill -KILL $$'], 137],
    ['127 when it is not found', ['no-such-command'], 127],
    ['126 when it is a folder', [tmpdir()], 126],
    ['126 when a file is in the way', [path.join(program, 'x')], 126],
  ])('ends with %s', async (_, command, code) => {
    const place = fileOf()
    const run = lock(place, 'door', '--', ...command)
    expect(await run.closed).toBe(code)
    // And the lock is free.
    await (await clientAt(place).lock('door').acquire({ wait: 0 })).release()
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)('gets %s', async (signal) => {
    const script = `trap "echo got; exit 41" ${signal.slice(3)}; echo ready; ${FOR_EVER}`
    const run = lock(fileOf(), 'door', ...shell(script))
    await expect.poll(run.stdout, PATIENT).toContain('ready')
    run.child.kill(signal)
    expect(await run.closed).toBe(41)
    expect(run.stdout()).toContain('got')
  })

  it('ends with its signal, as a shell says it, when it does not catch it', async () => {
    const run = lock(fileOf(), 'door', ...shell(`echo ready; ${FOR_EVER}`))
    await expect.poll(run.stdout, PATIENT).toContain('ready')
    run.child.kill('SIGTERM')
    expect(await run.closed).toBe(143)
  })

  it('keeps the lock, told to end, until what it started has ended too', async () => {
    const place = fileOf()
    const run = lock(place, 'door', '--', process.execPath, family)
    await expect.poll(run.stdout, PATIENT).toMatch(/^child \d+$/m)
    const pid = Number(/\d+/.exec(run.stdout())?.[0])
    endLater(pid)
    run.child.kill('SIGTERM')
    await expect.poll(run.stdout, PATIENT).toContain('parent ends')
    await (await clientAt(place).lock('door').acquire({ wait: '20s' })).release()
    expect(isAlive(pid)).toBe(false)
    expect(await run.closed).toBe(0)
    expect(run.stdout()).toContain('child ends')
    expect(run.stderr()).toContain('waiting up to 10s for what')
  })

  it('does not keep the lock for what it left behind when it ended by itself', async () => {
    const place = fileOf()
    const run = lock(place, 'door', ...shell('sleep 60 & echo $!'))
    expect(await run.ended).toBe(0)
    const pid = Number(run.stdout())
    endLater(pid)
    await (await clientAt(place).lock('door').acquire({ wait: 0 })).release()
    expect(isAlive(pid)).toBe(true)
  })

  it('is told of the lock it is in, not of one around it', async () => {
    const place = fileOf()
    const inner = [
      process.execPath,
      program,
      'lock',
      'inner',
      '--',
      'sh',
      '-c',
      'echo $SLUICE_LOCK_NAME',
    ]
    const run = lock(place, 'outer', '--', ...inner)
    expect(await run.closed).toBe(0)
    expect(run.stdout()).toBe('inner\n')
  })

  it('goes on, and keeps the lock, at Ctrl-Z and without a reader of our messages', async () => {
    const run = lock(fileOf(), 'door', '--ttl', '1s', ...shell('echo ready; read line; exit 5'))
    await expect.poll(run.stdout, PATIENT).toContain('ready')
    run.child.stderr?.destroy()
    run.child.kill('SIGTSTP')
    // Several leases long: nobody could renew them if it had been stopped.
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    run.child.stdin?.end('go on\n')
    expect(await run.closed).toBe(5)
  })
})

describe('the command line', { timeout: TEST_TIMEOUT_MS }, () => {
  const wrong: [string, string[], RegExp][] = [
    ['no words', [], /^Usage: sluice/],
    ['no name', ['lock'], /missing required argument 'name'/],
    ['no command', ['lock', 'door'], /no command to run\. Put `--` before your command/],
    ['an empty command', ['lock', 'door', '--', ''], /no command to run/],
    ['no --', ['lock', 'door', './d.sh'], /Put `--` before your command: sluice lock NAME/],
    ['a flag before --', ['lock', 'door', 'ls', '-la'], /option '-la'\nPut `--` before your/],
    ['a misspelt flag', ['lock', 'door', '--tll', '1s', '--', 'ls'], /Did you mean --ttl\?/],
    ['a misspelt command', ['lok', 'door', '--', 'ls'], /Did you mean lock\?/],
    ['a number as time', ['lock', 'door', '--ttl', '5', '--', 'ls'], /--ttl must be a time such/],
    ['a ttl too short', ['lock', 'door', '--ttl', '1ms', '--', 'ls'], /lock\.ttl must be/],
    ['no slots', ['lock', 'door', '--slots', '0', '--', 'ls'], /--slots must be a whole number/],
    ['slots in words', ['lock', 'door', '--slots', '1e3', '--', 'ls'], /--slots must be a whole/],
    [
      'an exit code that is none',
      ['lock', 'door', '--conflict-exit-code', '256', '--', 'ls'],
      /from 0 to 255, not "256"/,
    ],
    ['memory:', ['lock', 'door', '--url', 'memory:', '--', 'ls'], /exclude nobody/],
    ['an unknown URL', ['lock', 'door', '--url', 'ftp://a', '--', 'ls'], /createSluice\.url must/],
    ['a name that acts on a terminal', ['lock', '\u001b[31m', '--', 'ls'], /\\u001b\[31m/],
    ['a flag that acts on a terminal', ['lock', 'door', '--\u001b[31m'], /\\u001b\[31m/],
  ]
  it.each(wrong)('with %s is 64', async (_, words, message) => {
    const run = start(words, { SLUICE_URL: 'redis://127.0.0.1:1' })
    expect(await run.closed).toBe(64)
    expect(run.stderr()).toMatch(message)
    expect(run.stderr()).not.toContain('\u001b')
    expect(run.stdout()).toBe('')
  })

  it('without a URL is a file, and refused in production', async () => {
    const { url } = fileOf()
    const folder = path.dirname(url.slice('sqlite:'.length))
    const words = ['lock', 'door', '--', 'true']
    const production = start(words, { SLUICE_URL: '', NODE_ENV: 'production' }, folder)
    expect(await production.closed).toBe(64)
    const run = start(words, { SLUICE_URL: '' }, folder)
    expect(await run.closed).toBe(0)
    expect(run.stderr()).toMatch(/^sluice: no URL given .*\.sluice\/sluice\.db\nacquired "door"/)
    expect(run.stdout()).toBe('')
  })

  it('takes its own options before and after the name, and --quiet silences it', async () => {
    const place = fileOf()
    const run = start(
      ['lock', '--ttl', '5s', 'door', '--quiet', ...shell('echo $SLUICE_LOCK_TTL_MS')],
      {
        SLUICE_URL: place.url,
      },
    )
    expect(await run.closed).toBe(0)
    expect([run.stdout(), run.stderr()]).toEqual(['5000\n', ''])
  })

  it('has help with examples, and a version', async () => {
    const help = start(['lock', '--help'])
    expect(await help.closed).toBe(0)
    expect(help.stdout()).toMatch(/Usage: sluice lock NAME \[options\] -- COMMAND[\s\S]*Examples:/)
    const version = start(['--version'])
    expect(await version.closed).toBe(0)
    expect(version.stdout()).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})
