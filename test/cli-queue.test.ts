// `sluice queue`, `sluice job`, `sluice dead` and `sluice schedule` as people use them: the built program, on both engines.
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../scripts/prepare.js'
import { tableOf } from '../src/cli/table.ts'
import { type CleanUps, cliEngines, clientOf, openFile, type Place, runProgram } from './cli.ts'

const cleanUps: CleanUps = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})
beforeAll(() => ensureBuilt({ log: () => {} }), 60_000)

/** Text that would clear the screen, retitle the window and turn what follows around. */
const HOSTILE = '\u001b[2J\u001b]0;pwned\u0007\r\n\u202e'

const envOf = ({ url }: Place) => ({ SLUICE_URL: url, NODE_ENV: 'test' })

function sluiceAt(place: Place) {
  const { prefix } = place
  const flags = prefix === undefined ? [] : ['--prefix', prefix]
  return (...words: string[]) => runProgram([...words, ...flags], envOf(place))
}
type Program = ReturnType<typeof sluiceAt>

/** The lines of an answer in JSON. */
async function answers(run: ReturnType<Program>): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await run
  expect({ code, stderr }).toMatchObject({ code: 0 })
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe.each(cliEngines)('on $name', { timeout: 60_000 }, ({ open }) => {
  it('lists queues, and shows the jobs of one with their data', async () => {
    const place = open(cleanUps)
    const sluice = sluiceAt(place)
    const client = clientOf(place, cleanUps)
    const queue = client.queue<unknown>('mails', { attempts: 1 })
    await queue.addMany([{ to: 'ann' }, { to: HOSTILE }])
    await queue.add({ to: 'later' }, { at: Date.UTC(2100, 0) })
    await queue.add('by id', { id: 'mail-7' })
    const [first] = await queue.take()
    await first?.fail(`refused ${HOSTILE}`)
    await client.queue('other').pause()

    const list = await sluice('queue', 'list')
    expect(list.stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['queue', 'ready', 'timed', 'parked', 'in flight', 'dead'],
      ['mails', '2', '1', '0', '0', '1'],
      ['other', '0', '0', '0', '0', '0', 'paused'],
      [''],
    ])
    const counts = { ready: 2, timed: 1, inFlight: 0, dead: 1 }
    expect(await answers(sluice('queue', 'list', '--json'))).toEqual([
      { name: 'mails', ...counts },
      expect.objectContaining({ name: 'other', paused: true }),
    ])

    const show = await sluice('queue', 'show', 'mails')
    expect(show.stdout).toMatch(
      /^"mails": 2 ready, 1 timed, 0 parked, 0 in flight, 1 dead\nready:\n/,
    )
    expect(show.stdout).toMatch(/ {2}mail-7 +"by id"\n/)
    expect(show.stdout).toMatch(/ {2}\d{16} {2}due 2100-01-01T00:00:00.000Z {2}{"to":"later"}\n/)
    expect(show.stdout).toMatch(
      / {2}\d{16} {2}1 failed, died 2\S+Z, "refused \\u001b.*{"to":"ann"}\n/,
    )
    expect(show.stdout.replaceAll('\n', '')).toMatch(/^[^\p{Cc}\u202e]*$/u)
    const json = await answers(sluice('queue', 'show', 'mails', '--json'))
    expect(json).toMatchObject([
      { name: 'mails', ...counts },
      { state: 'ready', data: { to: HOSTILE }, attempts: 0 },
      { state: 'ready', id: 'mail-7', data: 'by id' },
      { state: 'timed', data: { to: 'later' }, dueAt: '2100-01-01T00:00:00.000Z' },
      { state: 'dead', data: { to: 'ann' }, attempts: 1, reason: `refused ${HOSTILE}` },
    ])
  })

  it('shows jobs that are done, where their queue keeps them', async () => {
    const place = open(cleanUps)
    const sluice = sluiceAt(place)
    const client = clientOf(place, cleanUps)
    const queue = client.queue<unknown>('mails', { retain: { count: 10 } })
    await queue.add({ to: HOSTILE }, { id: 'mail-7' })
    await queue.add({ to: 'ann' })
    const worker = queue.work(({ data }) => ({ sent: data }))
    await expect.poll(async () => (await queue.list({ state: 'done' })).jobs.length).toBe(2)
    await worker.close()

    const show = await sluice('queue', 'show', 'mails')
    expect(show.stdout).toMatch(
      /^"mails": 0 ready, 0 timed, 0 parked, 0 in flight, 0 dead\ndone:\n/,
    )
    expect(show.stdout).toMatch(/ {2}mail-7 +done 2\S+Z, result {"sent":{"to":"\\u001b/)
    expect(show.stdout).toMatch(/ {2}\d{16} {2}done 2\S+Z +{"to":"ann"}\n/)
    expect(show.stdout.replaceAll('\n', '')).toMatch(/^[^\p{Cc}\u202e]*$/u)
    const json = await answers(sluice('queue', 'show', 'mails', '--state', 'done', '--json'))
    expect(json).toHaveLength(2)
    expect(json).toContainEqual({
      ...{ state: 'done', id: 'mail-7', attempts: 0, data: { to: HOSTILE } },
      ...{ result: { sent: { to: HOSTILE } }, doneAt: expect.stringMatching(/Z$/) },
    })
    expect((await sluice('queue', 'show', 'nothing')).stdout).not.toContain('done:')
  })

  it('shows parked jobs, and says why one does not run', async () => {
    const place = open(cleanUps)
    const sluice = sluiceAt(place)
    const client = clientOf(place, cleanUps)
    const held = await client.lock('user:42').acquire()
    const queue = client.queue<unknown>('mails', { lock: 'user:42' })
    const worker = queue.work(() => {})
    await queue.add({ to: HOSTILE }, { id: 'mail-7' })
    await queue.add({ to: 'ann' }, { id: 'mail-8' })
    await expect.poll(async () => (await queue.counts()).parked).toBe(2)

    const list = await sluice('queue', 'list')
    expect(list.stdout).toMatch(/^mails +0 +0 +2 +0 +0$/m)
    expect(await answers(sluice('queue', 'list', '--json'))).toMatchObject([
      {
        ...{ name: 'mails', parked: 2 },
        gates: [{ gate: 'lock:user:42', parked: 2, inTheWay: expect.stringMatching(/^held by /) }],
      },
    ])
    const show = await sluice('queue', 'show', 'mails')
    expect(show.stdout).toMatch(/^"mails": 0 ready, 0 timed, 2 parked, 0 in flight, 0 dead\n/)
    expect(show.stdout).toMatch(/^parked:\n {2}mail-7 {2}waits for lock:user:42 {2}{"to":"\\u001b/m)
    expect(show.stdout.replaceAll('\n', '')).toMatch(/^[^\p{Cc}\u202e]*$/u)
    expect(
      await answers(sluice('queue', 'show', 'mails', '--state', 'parked', '--json')),
    ).toMatchObject([
      { state: 'parked', id: 'mail-7', gate: 'lock:user:42', data: { to: HOSTILE } },
      { state: 'parked', id: 'mail-8', gate: 'lock:user:42', data: { to: 'ann' } },
    ])

    const why = await sluice('job', 'why', 'mails', 'mail-8')
    expect(why.code).toBe(0)
    expect(why.stdout).toMatch(
      /^"mail-8" of "mails" is parked on lock user:42, held by \S+ pid \d+ since 2\S+Z, second in line\n$/,
    )
    expect(await answers(sluice('job', 'why', 'mails', 'mail-8', '--json'))).toMatchObject([
      { queue: 'mails', id: 'mail-8', state: 'parked', parked: { inFront: 1, place: 2 } },
    ])
    const missing = await sluice('job', 'why', 'mails', 'nobody')
    expect([missing.code, missing.stdout]).toEqual([1, ''])
    const refused = await sluice('queue', 'drain', 'mails')
    expect([refused.code, refused.stderr]).toEqual([64, expect.stringMatching(/2 jobs.*--yes/)])
    await held.release()
    await expect.poll(() => queue.get('mail-8')).toMatchObject({ state: 'done' })
    expect((await sluice('job', 'why', 'mails', 'mail-8')).stdout).toBe(
      '"mail-8" of "mails" is done\n',
    )
    await worker.close()
  })

  it('shows one state page by page, and says how to go on', async () => {
    const place = open(cleanUps)
    const sluice = sluiceAt(place)
    await clientOf(place, cleanUps)
      .queue<number>('q')
      .addMany(Array.from({ length: 250 }, (_, index) => index))
    const show = (...words: string[]) =>
      sluice('queue', 'show', 'q', '--state', 'ready', '--json', ...words)
    const first = await show('--limit', '201')
    const { resume } = JSON.parse(first.stderr) as { resume: string }
    const rest = await show('--resume', resume, '--limit', '100')
    const lines = [...first.stdout.split('\n'), ...rest.stdout.split('\n')].filter(Boolean)
    expect(lines.map((line) => JSON.parse(line).data)).toEqual(
      Array.from({ length: 250 }, (_, index) => index),
    )
    expect(rest.stderr).toBe('')
  })

  it('pauses, resumes, drains and obliterates', async () => {
    const place = open(cleanUps)
    const sluice = sluiceAt(place)
    const queue = clientOf(place, cleanUps).queue<number>('q', { attempts: 1 })
    await queue.addMany([1, 2, 3])
    expect((await sluice('queue', 'pause', 'q')).stdout).toBe('"q" is paused\n')
    expect(await queue.take()).toEqual([])
    expect(await answers(sluice('queue', 'resume', 'q', '--json'))).toEqual([
      { name: 'q', paused: false },
    ])
    const [held] = await queue.take()

    const refused = await sluice('queue', 'drain', 'q')
    expect([refused.code, refused.stderr]).toEqual([64, expect.stringMatching(/2 jobs.*--yes/)])
    expect(await queue.counts()).toMatchObject({ ready: 2 })
    expect((await sluice('queue', 'drain', 'q', '--yes')).stdout).toBe('"q": 2 jobs removed\n')
    const busy = await sluice('queue', 'obliterate', 'q', '--yes')
    expect([busy.code, busy.stderr]).toEqual([1, expect.stringContaining('1 deliveries in flight')])
    expect((await sluice('queue', 'obliterate', 'q', '--yes', '--force')).stdout).toBe(
      '"q": 1 job removed\n',
    )
    await expect(held?.ack()).rejects.toMatchObject({ code: 'SLUICE_STALE_DELIVERY' })
    const empty = await sluice('queue', 'list')
    expect([empty.stdout, empty.stderr]).toEqual(['', 'no queue holds anything\n'])
  })

  it('lists schedules, shows one and removes it', async () => {
    const place = open(cleanUps)
    const sluice = sluiceAt(place)
    const queue = clientOf(place, cleanUps).queue<unknown>('reports')
    await queue.schedule('nightly', { cron: '0 3 * * *' }, { kind: HOSTILE }, { lifo: true })
    await queue.schedule('often', { every: '1h' }, 2, { deadline: '5m' })

    const list = await sluice('schedule', 'list', 'reports')
    expect(list.stdout).toMatch(/^schedule +rule +next +jobs so far\nnightly +0 3 \* \* \* \(UTC\)/)
    expect(list.stdout).toMatch(/\noften +every 3600000 ms +2\S+Z +0\n$/)
    const page = await sluice('schedule', 'list', 'reports', '--limit', '1', '--json')
    expect(JSON.parse(page.stdout)).toMatchObject({ name: 'nightly', lifo: true })
    expect(JSON.parse(page.stderr)).toMatchObject({ resume: 'nightly' })
    expect(
      await answers(sluice('schedule', 'list', 'reports', '--resume', 'nightly', '--json')),
    ).toMatchObject([{ name: 'often', rule: { everyMs: 3_600_000 }, deadlineMs: 300_000 }])

    const show = await sluice('schedule', 'show', 'reports', 'nightly')
    expect(show.stdout).toMatch(/^"nightly" of "reports": 0 3 \* \* \* \(UTC\)\n {2}data +{"kind"/)
    expect(show.stdout).toMatch(/ {2}lifo +yes\n$/)
    expect(show.stdout.replaceAll('\n', '')).toMatch(/^[^\p{Cc}\u202e]*$/u)
    expect(await answers(sluice('schedule', 'remove', 'reports', 'nightly', '--json'))).toEqual([
      { queue: 'reports', name: 'nightly', removed: true },
    ])
    for (const verb of ['show', 'remove']) {
      const missing = await sluice('schedule', verb, 'reports', 'nightly')
      expect([missing.code, missing.stdout]).toEqual([1, ''])
      expect(missing.stderr).toContain('has no schedule "nightly"')
    }
    expect((await sluice('schedule', 'list', 'none')).stderr).toBe('"none" has no schedule\n')
  })

  it('puts a schedule, whose jobs come as it says', async () => {
    const place = open(cleanUps)
    const sluice = sluiceAt(place)
    const queue = clientOf(place, cleanUps).queue<unknown>('reports')
    const put = (name: string, ...words: string[]) =>
      sluice('schedule', 'put', 'reports', name, ...words)

    const zone = ['--cron', '0 3 * * *', '--time-zone', 'Asia/Shanghai']
    const nightly = await put('nightly', ...zone, '--data', '{"kind":"day"}')
    expect(nightly).toMatchObject({ code: 0, stderr: '' })
    expect(nightly.stdout).toMatch(
      /^"nightly" of "reports": 0 3 \* \* \* \(Asia\/Shanghai\), next 2\S+T19:00:00.000Z\n$/,
    )
    const options = ['--catch-up', 'all', '--priority', '-5', '--deadline', '5m', '--attempts', '7']
    const slots = ['--every', '1h', '--at', '2100-01-01T00:30:00Z']
    const answer = await answers(put('hourly', ...slots, '--data', '[1]', ...options, '--json'))
    const hourly = { data: [1], catchUp: 'all', priority: -5, lifo: false, deadlineMs: 300_000 }
    expect(answer).toMatchObject([
      {
        name: 'hourly',
        rule: { everyMs: 3_600_000 },
        ...hourly,
        nextAtMs: Date.UTC(2100, 0, 1, 0, 30),
      },
    ])
    expect(answer).toEqual([await queue.schedules.get('hourly')])

    await queue.schedules.remove('nightly')
    const first = ['--at', new Date(Date.now() - 3_600_000).toISOString()]
    await put('often', '--every', '100ms', ...first, '--data', '"x"', '--lifo', '--attempts', '1')
    expect(await queue.schedules.get('often')).toMatchObject({ lifo: true, catchUp: 'one' })
    const [delivery] = await queue.take({ wait: '10s' })
    expect([delivery?.data, delivery?.schedule?.name]).toEqual(['x', 'often'])
    await queue.schedules.remove('often')
    await delivery?.fail('no')
    expect(await queue.counts()).toMatchObject({ dead: 1 })
  })

  it('shows a job, moves and cancels it', async () => {
    const place = open(cleanUps)
    const sluice = sluiceAt(place)
    const queue = clientOf(place, cleanUps).queue<number>('q')
    await queue.add(1, { id: 'done' })
    queue.work(async (job) => {
      await job.progress({ percent: 50 })
      await job.log(`half way ${HOSTILE}`)
      return { paid: job.data }
    })
    await expect.poll(async () => (await queue.get('done'))?.state).toBe('done')
    await queue.pause()
    await queue.add(2, { id: 'late', delay: '1h' })

    const done = await sluice('job', 'show', 'q', 'done')
    expect(done.stdout).toMatch(/^"done" of "q" is done\n {2}data +1\n/)
    expect(done.stdout).toMatch(/ {2}progress {2}{"percent":50}\n {2}result {4}{"paid":1}\n/)
    expect(done.stdout).toMatch(/ {2}log {7}half way \\u001b/)
    expect(done.stdout.replaceAll('\n', '')).toMatch(/^[^\p{Cc}\u202e]*$/u)
    expect(await answers(sluice('job', 'show', 'q', 'late', '--json'))).toMatchObject([
      { id: 'late', state: 'waiting', data: 2, log: [] },
    ])

    const change = await sluice('job', 'change', 'q', 'late', '--at', '2100-01-01T00:00:00Z')
    expect(change).toMatchObject({ code: 0, stdout: '"late" of "q" is due anew\n' })
    expect((await queue.get('late'))?.dueAtMs).toBe(Date.UTC(2100, 0))
    expect((await sluice('job', 'change', 'q', 'late', '--delay', '30m')).code).toBe(0)
    expect((await queue.get('late'))?.dueAtMs).toBeLessThan(Date.now() + 3_600_000)
    expect((await sluice('job', 'run', 'q', 'late')).code).toBe(0)
    expect((await queue.counts()).ready).toBe(1)
    const shown = await answers(sluice('queue', 'show', 'q', '--json'))
    expect(shown.slice(1)).toMatchObject([{ id: 'late', state: 'ready' }])
    expect(await answers(sluice('job', 'cancel', 'q', 'late', '--json'))).toEqual([
      { queue: 'q', id: 'late', verdict: 'cancelled' },
    ])

    const again = await sluice('job', 'run', 'q', 'done')
    expect(again).toMatchObject({ code: 1, stdout: '"done" of "q" has ended\n' })
    const missing = await sluice('job', 'show', 'q', 'nobody')
    expect(missing).toMatchObject({ code: 1, stdout: '' })
    expect(missing.stderr).toContain('queue "q" has no job "nobody"')
    const plain = await sluice('job', 'cancel', 'q', '1795336770456000')
    expect([plain.code, plain.stderr]).toEqual([1, expect.stringContaining('not addressable')])
  })

  it('shows of dead letters and of jobs with an id why each attempt failed', async () => {
    const place = open(cleanUps)
    const sluice = sluiceAt(place)
    const queue = clientOf(place, cleanUps).queue<number>('q', { attempts: 1, history: 2 })
    await queue.addMany([1, 2], (item) => (item === 1 ? { id: 'one' } : {}))
    for (const delivery of await queue.take({ max: 2 }))
      await delivery.fail(`no\u001b[2J "${delivery.data}"`)
    const failure = /attempt 1, failed 20[-\d]+T[:.\d]+Z: "no \[2J "[12]""/g
    const listed = await sluice('dead', 'list', 'q')
    expect(listed.stdout.match(failure)).toHaveLength(2)
    const shown = await sluice('job', 'show', 'q', 'one')
    expect(shown.stdout).toMatch(/^ {2}history +attempt 1, failed 20/m)
    expect(listed.stdout + shown.stdout).not.toContain('\u001b')
    expect(await answers(sluice('dead', 'list', 'q', '--json'))).toMatchObject([
      { data: 1, history: [{ attempt: 1, kind: 'failed' }] },
      { data: 2, history: [{ attempt: 1, kind: 'failed' }] },
    ])
  })

  it('lists dead letters, tries them again, and removes them', async () => {
    const place = open(cleanUps)
    const sluice = sluiceAt(place)
    const queue = clientOf(place, cleanUps).queue<number>('q', { attempts: 1 })
    await queue.addMany([1, 2, 3])
    for (const delivery of await queue.take({ max: 3 })) await delivery.fail(`no ${delivery.data}`)
    expect(await answers(sluice('dead', 'list', 'q', '--json', '--limit', '2'))).toMatchObject([
      { state: 'dead', data: 1, reason: 'no 1' },
      { state: 'dead', data: 2, reason: 'no 2' },
    ])
    const redriven = await sluice('dead', 'redrive', 'q', '--limit', '1')
    expect(redriven.stdout).toBe('"q": 1 job made ready\n')
    expect(await queue.counts()).toMatchObject({ ready: 1, dead: 2 })
    const refused = await sluice('dead', 'purge', 'q', '--limit', '1')
    expect([refused.code, refused.stderr]).toEqual([64, expect.stringMatching(/1 job .*--yes/)])
    expect(await answers(sluice('dead', 'purge', 'q', '--yes', '--json'))).toEqual([
      { name: 'q', count: 2 },
    ])
    expect(await queue.counts()).toMatchObject({ ready: 1, dead: 0 })
  })
})

const PUT = ['schedule', 'put', 'q', 'a']

describe('wrong words', { timeout: 60_000 }, () => {
  it.each([
    [['queue', 'show', 'q', '--state', 'gone'], 64, /ready or timed or parked or inFlight or dead/],
    [['queue', 'show', 'q', '--limit', '0'], 64, /--limit/],
    [['queue', 'show', 'q', '--resume', 'x@1'], 64, /--state/],
    [['queue', 'show', 'q', '--state', 'ready', '--resume', 'x y'], 64, /cursor/],
    [['queue', 'show', ''], 64, /queue\.name/],
    [['queue', 'show'], 64, /name/],
    [['queue', 'empty', 'q'], 64, /empty/],
    [['queue', 'list', '--typo'], 64, /--typo/],
    [['job', 'show', 'q', ''], 64, /get\.id/],
    [['job', 'show', 'q'], 64, /id/],
    [['job', 'change', 'q', 'a'], 64, /--delay .*--at/],
    [['job', 'change', 'q', 'a', '--delay', '1s', '--at', '2030-01-01'], 64, /--delay .*--at/],
    [['job', 'change', 'q', 'a', '--delay', 'soon'], 64, /--delay/],
    [['job', 'change', 'q', 'a', '--at', 'soon'], 64, /--at/],
    [['schedule', 'list', 'q', '--limit', '1001'], 64, /--limit/],
    [['schedule', 'show', 'q', ''], 64, /get\.name/],
    [[...PUT, '--data', '1'], 64, /--cron .*--every/],
    [[...PUT, '--every', '1h'], 64, /--data/],
    [[...PUT, '--every', '1h', '--data', '{kind:1}'], 64, /--data must be JSON/],
    [[...PUT, '--every', '1h', '--cron', '* * * * *', '--data', '1'], 64, /every .*beside cron/],
    [[...PUT, '--every', 'soon', '--data', '1'], 64, /--every/],
    [[...PUT, '--every', '1h', '--at', 'soon', '--data', '1'], 64, /--at/],
    [[...PUT, '--every', '1h', '--time-zone', 'UTC', '--data', '1'], 64, /tz .*without cron/],
    [[...PUT, '--cron', '61 * * * *', '--data', '1'], 64, /cron pattern/],
    [[...PUT, '--every', '1h', '--data', '1', '--catch-up', 'two'], 64, /one or all or skip/],
    [[...PUT, '--every', '1h', '--data', '1', '--priority', 'high'], 64, /--priority/],
    [[...PUT, '--every', '1h', '--data', '1', '--priority', '1', '--lifo'], 64, /lifo/],
    [[...PUT, '--every', '1h', '--data', '1', '--attempts', '0'], 64, /--attempts/],
    [[...PUT, '--every', '1h', '--data', '1', '--deadline', 'never'], 64, /--deadline/],
    [['dead', 'redrive', 'q', '--limit', '10001'], 64, /--limit/],
    [['dead', 'purge', 'q', '--limit', '1e3', '--yes'], 64, /--limit/],
    [['queue', 'list', '--url', 'memory:'], 64, /memory:/],
    [['queue', 'list', '--url', 'redis://:hush@127.0.0.1:1'], 69, /127\.0\.0\.1:1/],
  ])('%j are refused with what to do', async (words, code, said) => {
    const ended = await runProgram(words, envOf(openFile(cleanUps)))
    expect([ended.code, ended.stdout]).toEqual([code, ''])
    expect(ended.stderr).toMatch(said)
    expect(ended.stderr).not.toContain('hush')
  })

  it('are answered with examples', async () => {
    const words = ['queue list', 'queue show', 'queue pause', 'queue resume', 'queue drain']
    words.push('queue obliterate', 'job show', 'job cancel', 'job run', 'job change')
    words.push('dead list', 'dead redrive', 'dead purge')
    words.push('schedule list', 'schedule show', 'schedule put', 'schedule remove')
    for (const command of words) {
      const { code, stdout } = await runProgram([...command.split(' '), '--help'])
      expect([code, stdout]).toEqual([
        0,
        expect.stringContaining(`Examples:\n  $ sluice ${command}`),
      ])
    }
  })
})

describe('a table', () => {
  it('is as wide as what is in it, and no wider than the terminal', () => {
    const rows = [
      ['a', '1', 'x'.repeat(50)],
      ['bcd', '10', ''],
    ]
    expect(tableOf(rows, 20, [1])).toEqual([`a     1  ${'x'.repeat(10)}…`, 'bcd  10'])
  })
})
