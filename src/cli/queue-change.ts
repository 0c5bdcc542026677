import type { QueueDesk } from '../inspect/index.ts'
import { agree } from './agree.ts'
import { countInWords } from './bar-chart.ts'
import { EXIT, UsageError } from './exit-codes.ts'
import { readCount, readInstant, readTime } from './flags.ts'
import { quote } from './messages.ts'
import type { QueueCall, QueueTexts } from './queue-call.ts'
import { sayMissing } from './queue-look.ts'

/** `sluice queue pause` */
export async function pauseQueue({ inspector, print }: QueueCall, name: string) {
  await inspector.queue(name).pause()
  print({ name, paused: true }, `${quote(name)} is paused`)
  return 0
}

/** `sluice queue resume` */
export async function resumeQueue({ inspector, print }: QueueCall, name: string) {
  await inspector.queue(name).resume()
  print({ name, paused: false }, `${quote(name)} is no longer paused`)
  return 0
}

interface RemovalTexts extends QueueTexts {
  yes?: true
  force?: true
  limit?: string
}

/** `sluice queue drain` */
export async function drainQueue(call: QueueCall, name: string, texts: RemovalTexts) {
  const queue = call.inspector.queue(name)
  const { ready, timed, parked = 0 } = await queue.counts()
  await agree(texts, `remove ${jobsInWords(ready + timed + parked)} that wait in ${quote(name)}`)
  return sayDone(call, name, 'removed', await queue.drain())
}

/** `sluice queue obliterate` */
export async function obliterateQueue(call: QueueCall, name: string, texts: RemovalTexts) {
  const queue = call.inspector.queue(name)
  const { ready, timed, parked = 0, inFlight, dead } = await queue.counts()
  const count = ready + timed + parked + dead + (texts.force ? inFlight : 0)
  await agree(texts, `remove everything of ${quote(name)}, ${jobsInWords(count)}`)
  return sayDone(call, name, 'removed', await queue.obliterate({ force: texts.force === true }))
}

/** `sluice dead redrive` */
export async function redriveDead(call: QueueCall, name: string, texts: RemovalTexts) {
  const queue = call.inspector.queue(name)
  return sayDone(call, name, 'made ready', await queue.dead.redrive(mostOf(texts)))
}

/** `sluice dead purge` */
export async function purgeDead(call: QueueCall, name: string, texts: RemovalTexts) {
  const queue = call.inspector.queue(name)
  const most = mostOf(texts)
  const { dead } = await queue.counts()
  const count = Math.min(dead, most.limit ?? dead)
  await agree(texts, `remove ${jobsInWords(count)} that are dead in ${quote(name)}`)
  return sayDone(call, name, 'removed', await queue.dead.purge(most))
}

const mostOf = ({ limit }: RemovalTexts): { limit?: number } =>
  limit === undefined ? {} : { limit: readCount('--limit', limit, 1, 10_000) }

const jobsInWords = (count: number) => `${countInWords(count)} ${count === 1 ? 'job' : 'jobs'}`

function sayDone({ print }: QueueCall, name: string, what: string, count: number): number {
  print({ name, count }, `${quote(name)}: ${jobsInWords(count)} ${what}`)
  return 0
}

/** `sluice job cancel` */
export async function cancelJob(call: QueueCall, name: string, id: string) {
  const verdict = await call.inspector.queue(name).cancel(id)
  return sayVerdict(call, name, id, verdict)
}

/** `sluice job run` */
export async function runJobNow(call: QueueCall, name: string, id: string) {
  const verdict = await call.inspector.queue(name).runNow(id)
  return sayVerdict(call, name, id, verdict)
}

interface ChangeTexts extends QueueTexts {
  delay?: string
  at?: string
}

/** `sluice job change` */
export async function changeJob(call: QueueCall, name: string, id: string, texts: ChangeTexts) {
  const verdict = await call.inspector.queue(name).change(id, readChange(texts))
  return sayVerdict(call, name, id, verdict)
}

function readChange({ delay, at }: ChangeTexts): Parameters<QueueDesk['change']>[1] {
  if ((delay === undefined) === (at === undefined)) {
    throw new UsageError('say when: --delay 5m, or --at 2030-01-31T08:00:00Z')
  }
  if (delay !== undefined) return { delay: readTime('--delay', delay) }
  return { at: readInstant('--at', at ?? '') }
}

const VERDICTS = {
  cancelled: { text: 'is cancelled', code: 0 },
  cancelling: { text: 'is told to end, and will count as cancelled', code: 0 },
  changed: { text: 'is due anew', code: 0 },
  running: { text: 'runs already', code: EXIT.no },
  ended: { text: 'has ended', code: EXIT.no },
} as const

/** What became of one job. */
function sayVerdict(
  call: QueueCall,
  name: string,
  id: string,
  verdict: keyof typeof VERDICTS | null,
): number {
  if (verdict === null) return sayMissing(call, name, id)
  const { text, code } = VERDICTS[verdict]
  call.print({ queue: name, id, verdict }, `${quote(id)} of ${quote(name)} ${text}`)
  return code
}
