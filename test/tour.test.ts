// The tour as a newcomer runs it: a process of its own, on both engines, with everything it starts.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { ensureBuilt } from '../scripts/prepare.js'
import { exitCodeOf, runSteps, type Step } from '../scripts/tour/run-steps.js'
import { formatSummary, inkFor } from '../scripts/tour/show.js'
import { showOwnRedis } from '../scripts/tour/steps/own-redis.js'
import { showRedlock } from '../scripts/tour/steps/redlock.js'
import type { Context } from '../scripts/tour/tour.js'
import { ask } from './redis.ts'

const root = path.resolve(import.meta.dirname, '..')
/** Alone it takes less than half of this: here it shares the machine with every other test. */
const tourDeadlineMs = 90_000
const promiseCount = 27
const stepCount = 9

const live = new Set<ChildProcess>()
// A failed test leaves its process running.
afterAll(() => {
  for (const child of live) child.kill()
})
// Two tours that start together must not both build.
beforeAll(() => ensureBuilt({ log: () => {} }), 60_000)

interface Run {
  child: ChildProcess
  output: () => string
  ended: Promise<number | null>
}

function start(url: string | undefined, ...args: string[]): Run {
  const { SLUICE_URL: _, ...env } = process.env
  const child = spawn(process.execPath, ['scripts/start.js', ...args], {
    cwd: root,
    env: url === undefined ? env : { ...env, SLUICE_URL: url },
    // By the channel it notices when this process is killed, and ends as well.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  live.add(child)
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  // Closed are the pipes only when every process that inherited them is gone.
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      live.delete(child)
      resolve(code)
    })
  })
  return { child, output: () => text, ended }
}

/** The first match in what the run prints, as soon as it is there. */
async function untilPrinted({ child, output }: Run, pattern: RegExp): Promise<string> {
  const deadlineMs = performance.now() + tourDeadlineMs
  while (performance.now() < deadlineMs && child.exitCode === null) {
    const found = pattern.exec(output())?.[0]
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`${pattern} was not printed:\n${output()}`)
}

/** The five of the Redlock step, which name their ports. */
async function expectNoServerLeft(output: string): Promise<void> {
  const ports = /on the ports ([\d, ]+)/.exec(output)?.[1]?.split(', ') ?? []
  expect(ports, output).toHaveLength(5)
  expect(await Promise.all(ports.map((port) => ask(Number(port), 'PING')))).toEqual(
    ports.map(() => ''),
  )
}

function expectKept(output: string): void {
  expect(output).not.toContain('✗')
  expect(output.match(/^ {2}✓ /gm), output).toHaveLength(promiseCount)
  expect(output.match(/ ✓$/gm), output).toHaveLength(stepCount)
  expect(output).toMatch(/0 of 2000 lost; without the lock [1-9]/)
  expect(output).toMatch(/while two were killed: 0 updates lost/)
  expect(output).toMatch(
    /two killed: +1 unreachable, 2 unreachable, 3 granted, 4 granted, 5 granted/,
  )
  expect(output).toMatch(/three killed: +1 unreachable, 2 unreachable, 3 (unreachable|late), 4/)
  expect(output).toMatch(/The tour took [\d.]+ s\./)
  const tooWide = output.split('\n').filter((line) => line.length > 100)
  expect(tooWide).toEqual([])
}

describe('the tour', { timeout: 2 * tourDeadlineMs }, () => {
  test.concurrent('keeps every promise on the embedded engine, exits 0 and leaves nothing', async () => {
    const startedMs = performance.now()
    const run = start(undefined, '--once')
    expect(await run.ended, run.output()).toBe(0)
    expect(performance.now() - startedMs).toBeLessThan(tourDeadlineMs)
    expectKept(run.output())
    await expectNoServerLeft(run.output())
    const file = /in (\S+tour\.db)/.exec(run.output())?.[1] ?? ''
    expect(file).not.toBe('')
    expect(existsSync(path.dirname(file))).toBe(false)
  })

  test.concurrent('keeps them on Redis, shows the page, and Ctrl-C ends it with 0 and no key left', async () => {
    const url = inject('redisUrl')
    const run = start(url)
    const page = await untilPrinted(run, /http:\/\/127\.0\.0\.1:\d+/)
    expectKept(run.output())
    const overview = await (await fetch(`${page}/api/overview`)).json()
    expect(overview).toMatchObject({ engine: { kind: 'redis' } })
    run.child.kill('SIGINT')
    expect(await run.ended, run.output()).toBe(0)
    const prefix = /prefix (sluice-tour-\w+)/.exec(run.output())?.[1]
    expect(await ask(Number(new URL(url).port), `KEYS ${prefix}*`)).toBe('*0\r\n')
  })

  test('Ctrl-C in the middle of it ends every process that it started', async () => {
    const run = start(undefined, '--once')
    await untilPrinted(run, /^1\. /m)
    const file = /in (\S+tour\.db)/.exec(run.output())?.[1] ?? ''
    run.child.kill('SIGINT')
    expect(await run.ended, run.output()).toBe(130)
    expect(existsSync(path.dirname(file))).toBe(false)
  })

  test('says in one line which server it can not reach, without the password', async () => {
    const run = start('redis://:hush@127.0.0.1:1', '--once')
    expect(await run.ended).toBe(1)
    expect(run.output()).toMatch(/127\.0\.0\.1:1\b.* does not answer/)
    expect(run.output()).not.toContain('hush')
  })

  test('refuses what it does not know', async () => {
    const run = start(undefined, '--onec')
    expect(await run.ended).toBe(1)
    expect(run.output()).toMatch(/--onec[\s\S]*npm start -- --once/)
  })
})

test('the steps that need servers say so where none is found', async () => {
  const missing = async () => undefined
  for (const step of [showOwnRedis(missing), showRedlock(missing)]) {
    const results = await runSteps<Context>([step], {} as Context, () => {})
    expect(results[0]?.lines).toEqual([expect.stringContaining('no redis-server was found')])
    expect(exitCodeOf(results)).toBe(0)
  }
})

describe('a broken promise', () => {
  const kept = { lines: [], promises: [{ text: 'it holds', kept: true }], result: '', figure: '' }
  const good: Step<null> = { title: 'good', run: async () => kept }
  const results = (steps: Step<null>[]) => runSteps(steps, null, () => {})

  test('makes the tour exit 1, however many others are kept', async () => {
    const bad = { ...kept, promises: [...kept.promises, { text: 'it breaks', kept: false }] }
    expect(exitCodeOf(await results([good, good]))).toBe(0)
    expect(exitCodeOf(await results([good, { title: 'bad', run: async () => bad }, good]))).toBe(1)
  })

  test('is what a step that fails, or promises nothing, leaves behind', async () => {
    const failing: Step<null> = {
      title: 'failing',
      run: () => Promise.reject(new Error('no disk')),
    }
    const found = await results([failing, good])
    expect(found.map(({ title }) => title)).toEqual(['failing', 'good'])
    expect(found[0]?.promises[0]?.text).toContain('no disk')
    expect(exitCodeOf(found)).toBe(1)
    expect(
      exitCodeOf(await results([{ title: 'empty', run: async () => ({ ...kept, promises: [] }) }])),
    ).toBe(1)
    expect(exitCodeOf([])).toBe(1)
  })

  test('is marked in the summary, whose lines stay within 100 columns', async () => {
    const wide = { ...kept, promises: [], result: 'r'.repeat(300), figure: 'f'.repeat(300) }
    const step: Step<null> = { title: 't'.repeat(300), run: async () => wide }
    const [, ...lines] = formatSummary(await results([good, step]), inkFor({})).split('\n')
    expect(lines.map((line) => line.at(-1))).toEqual(['✓', '✗'])
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100)
  })

  test('is coloured only where the terminal wants colours', async () => {
    const plain = inkFor({ isTTY: true, hasColors: () => false })
    const colored = inkFor({ isTTY: true, hasColors: () => true })
    expect(plain.mark(false)).toBe('✗')
    expect(colored.mark(false)).not.toBe('✗')
  })
})
