// `sluice keys` as people use it: the built program, against real servers.
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { ensureBuilt } from '../scripts/prepare.js'
import { barChart, bytesInWords } from '../src/cli/bar-chart.ts'
import { runProgram } from './cli.ts'
import { startServer } from './fault/servers.js'

const run = (words: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  runProgram(['keys', ...words], env)

let server: Awaited<ReturnType<typeof startServer>>
const keys = (...words: string[]) => run(words, { SLUICE_URL: server.url })
/** A name that would clear the screen, retitle the window and turn the text around. */
const HOSTILE = 'evil:\u001b[2J\u001b]0;pwned\u0007\r\n\u202e'

describe('sluice keys', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    await ensureBuilt({ log: () => {} })
    server = await startServer()
  }, 60_000)
  afterAll(() => server.close())
  beforeEach(async () => {
    await server.command('FLUSHALL')
    for (const index of [1, 2, 3])
      await server.command('SET', `session:${index}`, 'x'.repeat(index * 1_000))
    await server.command('SADD', 'tags', 'a', 'b')
  })

  it('lists keys, one a line, and ends where it is told to', async () => {
    const { code, stdout } = await keys('scan', 'session:*')
    expect([code, stdout.trim().split('\n').sort()]).toEqual([
      0,
      ['session:1', 'session:2', 'session:3'],
    ])
    expect((await keys('scan', '--type', 'set')).stdout).toBe('tags\n')
    const json = await keys('scan', '--json', '--limit', '1')
    expect(JSON.parse(json.stdout)).toEqual({ key: expect.any(String) })
    expect(json.stderr).toContain('resume')
  })

  it('draws the biggest, in the order of their size', async () => {
    const { code, stdout } = await keys('big', '--top', '2')
    expect(code).toBe(0)
    expect(stdout).toMatch(/3\.\d KiB {2}█+ {2}string {2}never expires {2}session:3\n.*session:2/)
    expect(stdout).toMatch(/By type[\s\S]*string[\s\S]*set/)
    expect(stdout).toMatch(/4 keys, /)
    const { stdout: json } = await keys('big', '--json', '--by', 'elements')
    expect(JSON.parse(json)).toMatchObject({
      unit: 'elements',
      keys: 4,
      biggest: [{ key: 'session:3' }, {}, {}, {}],
    })
  })

  it('deletes what matches, but not before somebody agreed', async () => {
    const refused = await keys('rm', 'session:*')
    expect([refused.code, refused.stderr]).toEqual([64, expect.stringContaining('--yes')])
    const dry = await keys('rm', 'session:*', '--dry-run')
    expect(dry.stdout).toMatch(/^3 keys, .* would be deleted$/m)
    expect(dry.stderr).toContain('"session:1"')
    expect(await server.command('DBSIZE')).toBe(4)
    const all = await keys('rm', '*', '--yes')
    expect([all.code, all.stderr]).toEqual([64, expect.stringContaining('confirm')])
    expect(await server.command('DBSIZE')).toBe(4)
    expect((await keys('rm', 'session:*', '--yes', '--pace', '1000')).stdout).toMatch(
      /^3 keys deleted/,
    )
    const rest = await keys('rm', '*', '--all', '--yes', '--json')
    expect(JSON.parse(rest.stdout)).toMatchObject({ deleted: 1 })
  })

  it('drains a key', async () => {
    const members = Array.from({ length: 500 }, (_, index) => `m${index}`)
    await server.command('SADD', 'big', ...members)
    expect((await keys('drain', 'big')).code).toBe(64)
    expect((await keys('drain', 'big', '--yes')).stdout).toMatch(/"big" is gone: set, 500 elements/)
    const { code, stdout } = await keys('drain', 'big', '--yes', '--json')
    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ found: false })])
  })

  it('says what to change, and exits 1 until it is changed', async () => {
    const { code, stdout } = await keys('preflight')
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/CONFIG SET lazyfree-lazy-user-del yes/),
    ])
    for (const setting of ['user-del', 'expire', 'server-del']) {
      await server.command('CONFIG', 'SET', `lazyfree-lazy-${setting}`, 'yes')
    }
    expect((await keys('preflight', '--json')).code).toBe(0)
  })

  it('lets no name of a key act on the terminal', async () => {
    await server.command('SET', HOSTILE, 'x'.repeat(5_000))
    const runs = [
      await keys('scan', 'evil:*'),
      await keys('scan', 'evil:*', '--json'),
      await keys('big'),
      await keys('big', '--json'),
      await keys('rm', 'evil:*', '--dry-run'),
      await keys('rm', 'evil:*', '--dry-run', '--json'),
      await keys('drain', HOSTILE, '--yes'),
      await keys('drain', HOSTILE, '--yes'),
    ]
    for (const { code, stdout, stderr } of runs) {
      expect(code).toBe(0)
      expect(stdout + stderr).toMatch(/^[^\p{Cc}\u202e]*$/mu)
      expect((stdout + stderr).replaceAll('\n', '')).toMatch(/^[^\p{Cc}\u202e]*$/u)
    }
    const [, json] = runs
    expect(JSON.parse(json?.stdout ?? '')).toEqual({ key: HOSTILE })
  })

  it('works on all masters of a cluster', async () => {
    const env = { SLUICE_URL: inject('clusterUrl') }
    expect((await run(['scan', 'nothing:*'], env)).code).toBe(0)
    expect((await run(['preflight', '--json'], env)).stdout).toMatch(
      /"places":\["[^"]+","[^"]+","[^"]+"\]/,
    )
  })

  it.each([
    [['scan'], {}, 64, /SLUICE_URL/],
    [['scan'], { SLUICE_URL: 'sqlite:./a.db' }, 64, /SQLite has no .*keys to scan/],
    [['scan'], { SLUICE_URL: 'memory:' }, 64, /SQLite has no/],
    [['scan', '--url', 'redis://:hush@127.0.0.1:1'], {}, 69, /127\.0\.0\.1:1/],
    [['scan', '--pace', '-1'], { SLUICE_URL: 'redis://127.0.0.1:1' }, 64, /--pace/],
    [['scan', '--limit', '1e3'], { SLUICE_URL: 'redis://127.0.0.1:1' }, 64, /--limit/],
    [
      ['scan', '--from', 'anywhere'],
      { SLUICE_URL: 'redis://127.0.0.1:1' },
      64,
      /primaries or replicas/,
    ],
    [['scan', '--resume', 'x'], { SLUICE_URL: 'redis://127.0.0.1:1' }, 64, /resume/],
    [['big', '--by', 'size'], { SLUICE_URL: 'redis://127.0.0.1:1' }, 64, /memory or elements/],
    [['big', '--type', 'a b'], { SLUICE_URL: 'redis://127.0.0.1:1' }, 64, /types/],
    [['rm'], {}, 64, /pattern/],
    [['rm', '', '--yes'], { SLUICE_URL: 'redis://127.0.0.1:1' }, 64, /pattern/],
    [
      ['rm', 'a:*', '--max-block', 'soon'],
      { SLUICE_URL: 'redis://127.0.0.1:1' },
      64,
      /--max-block/,
    ],
    [['drain', '', '--yes'], { SLUICE_URL: 'redis://127.0.0.1:1' }, 64, /name of a key/],
    [['empty'], {}, 64, /empty/],
    [['scan', '--typo'], {}, 64, /--typo/],
  ])('%j is refused with what to do', async (words, env, code, said) => {
    const ended = await run(words, env)
    expect([ended.code, ended.stdout]).toEqual([code, ''])
    expect(ended.stderr).toMatch(said)
    expect(ended.stderr).not.toContain('hush')
  })

  it('shows examples in the help of each command', async () => {
    for (const command of ['scan', 'big', 'rm', 'drain', 'preflight']) {
      const { code, stdout } = await run([command, '--help'])
      expect([code, stdout]).toEqual([0, expect.stringContaining('Examples:\n  $ sluice keys')])
    }
  })
})

describe('a bar chart', () => {
  it('is cut to the width of the terminal, and shows every bar', () => {
    const rows = [
      { size: 1_000, amount: '1000', words: ['a'], name: 'x'.repeat(200) },
      { size: 1, amount: '1', words: ['bb'], name: 'y' },
    ]
    const [first = '', second = ''] = barChart(rows, 60)
    expect(first).toHaveLength(60)
    expect(first.endsWith('…')).toBe(true)
    expect(second).toMatch(/^ {3}1 {2}▏ +bb {2}y$/)
    expect(barChart([], 60)).toEqual([])
  })

  it('speaks of bytes in units', () => {
    expect([0, 1_023, 1_536, 5 * 2 ** 30].map(bytesInWords)).toEqual([
      '0 B',
      '1023 B',
      '1.5 KiB',
      '5.0 GiB',
    ])
  })
})
