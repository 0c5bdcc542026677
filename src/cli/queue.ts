import type { Command } from 'commander'
import { examples } from './call.ts'
import { onQueues, storeCommand } from './queue-call.ts'
import {
  cancelJob,
  changeJob,
  drainQueue,
  obliterateQueue,
  pauseQueue,
  purgeDead,
  redriveDead,
  resumeQueue,
  runJobNow,
} from './queue-change.ts'
import { listDead, listQueues, showJob, showQueue, showWhy } from './queue-look.ts'
import { addScheduleCommands } from './schedule.ts'

const LIMIT = ['--limit <n>', 'at most n jobs of each state', '20'] as const
const RESUME = ['--resume <text>', 'go on where an earlier list ended'] as const
const YES = ['--yes', 'do not ask'] as const
const MOST = ['--limit <n>', 'at most n, the oldest first; all without it'] as const

/** Adds `queue`, `job`, `dead` and `schedule` with their commands to the program. */
export function addQueueCommands(program: Command): void {
  addQueue(program)
  addJob(program)
  addDead(program)
  addScheduleCommands(program)
}

function addQueue(program: Command): void {
  const queue = program
    .command('queue')
    .summary('look into queues, pause them, and remove their jobs')
    .description('Looks into queues, pauses them, and removes their jobs.')
    .addHelpText('after', examples('queue list', 'queue show emails --state dead --limit 5'))
  const add = (verb: string, about: string, ...lines: string[]) =>
    storeCommand(queue, verb, about, ...lines).argument('<name>', 'of the queue')
  const list = 'Lists the queues that hold anything, with how many jobs are where.'
  storeCommand(queue, 'list', list, '', ' --json').action(onQueues(listQueues))
  const show = 'Shows how many jobs are where, and the first ones with their data.'
  add('show', show, ' emails', ' emails --state timed --json')
    .option(
      '--state <state>',
      'of jobs: ready, timed, parked, inFlight, dead or done; all without it',
    )
    .option(...LIMIT)
    .option(...RESUME)
    .action(onQueues(showQueue))
  const pause = 'Lets workers claim nothing more; what they have begun goes on.'
  add('pause', pause, ' emails').action(onQueues(pauseQueue))
  add('resume', 'Ends a pause.', ' emails').action(onQueues(resumeQueue))
  const drain = 'Removes the jobs that wait, ready, timed or parked, for good.'
  add('drain', drain, ' emails', ' emails --yes')
    .option(...YES)
    .action(onQueues(drainQueue))
  const obliterate = 'Removes everything of a queue for good: waiting and dead jobs, and a pause.'
  add('obliterate', obliterate, ' emails --yes --force')
    .option(...YES)
    .option('--force', 'also jobs in flight; without it, these keep the queue')
    .action(onQueues(obliterateQueue))
}

function addJob(program: Command): void {
  const job = program
    .command('job')
    .summary('look at one job, cancel it, or have it run sooner or later')
    .description('Looks at one job that was added with an id or a dedupe key, and changes it.')
    .addHelpText('after', examples('job show orders order-42', 'job why orders order-42'))
  const add = (verb: string, about: string, more: string) =>
    storeCommand(job, verb, about, ` orders order-42${more}`)
      .argument('<queue>', 'its queue')
      .argument('<id>', 'its id; of a dedupe key, key: and the key')
  const show = 'Shows its state, data, progress, log and result.'
  add('show', show, ' --json').action(onQueues(showJob))
  const why = 'Says why it is not running: what it waits for, who holds that, its place in line.'
  add('why', why, '').action(onQueues(showWhy))
  const cancel = 'Keeps it from running, or tells the handler that runs it to end.'
  add('cancel', cancel, '').action(onQueues(cancelJob))
  add('run', 'Makes a job that waits for a time due now.', '').action(onQueues(runJobNow))
  add('change', 'Makes a job that waits due at another time.', ' --delay 2h')
    .option('--delay <time>', 'from now')
    .option('--at <time>', 'such as 2030-01-31T08:00:00Z')
    .action(onQueues(changeJob))
}

function addDead(program: Command): void {
  const dead = program
    .command('dead')
    .summary('look at the dead letters of a queue, try them again, or remove them')
    .description('Looks at jobs that will not be tried again, tries them again, or removes them.')
    .addHelpText('after', examples('dead list emails', 'dead redrive emails --limit 10'))
  const add = (verb: string, about: string, ...lines: string[]) =>
    storeCommand(dead, verb, about, ...lines).argument('<queue>', 'their queue')
  const list = 'Lists dead letters, the oldest first, with why they died.'
  add('list', list, ' emails', ' emails --limit 1000 --json')
    .option(...LIMIT)
    .option(...RESUME)
    .action(onQueues(listDead))
  const redrive = 'Makes dead jobs ready again, as if they had never been tried.'
  add('redrive', redrive, ' emails', ' emails --limit 10')
    .option(...MOST)
    .action(onQueues(redriveDead))
  add('purge', 'Removes dead letters for good.', ' emails --limit 100 --yes')
    .option(...YES)
    .option(...MOST)
    .action(onQueues(purgeDead))
}
