import type { Command } from 'commander'
import { examples } from './call.ts'
import { type QueueTexts, runOnQueues, withStore } from './queue-call.ts'
import {
  type ChangeTexts,
  cancelJob,
  changeJob,
  drainQueue,
  obliterateQueue,
  purgeDead,
  type RemovalTexts,
  redriveDead,
  runJobNow,
  setPaused,
} from './queue-change.ts'
import {
  type ListTexts,
  listDead,
  listQueues,
  type ShowTexts,
  showJob,
  showQueue,
} from './queue-look.ts'
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
  withStore(queue.command('list'))
    .description('Lists the queues that hold anything, with how many jobs are where.')
    .addHelpText('after', examples('queue list', 'queue list --json'))
    .action((options: QueueTexts) => runOnQueues(options, listQueues))
  withStore(queue.command('show'))
    .description('Shows how many jobs are where, and the first ones with their data.')
    .argument('<name>', 'of the queue')
    .option('--state <state>', 'of jobs: ready, timed, inFlight, dead or done; all without it')
    .option(...LIMIT)
    .option(...RESUME)
    .addHelpText('after', examples('queue show emails', 'queue show emails --state timed --json'))
    .action((name: string, options: ShowTexts) =>
      runOnQueues(options, (call) => showQueue(call, name, options)),
    )
  for (const [verb, paused, about] of [
    ['pause', true, 'Lets workers claim nothing more; what they have begun goes on.'],
    ['resume', false, 'Ends a pause.'],
  ] as const) {
    withStore(queue.command(verb))
      .description(about)
      .argument('<name>', 'of the queue')
      .addHelpText('after', examples(`queue ${verb} emails`))
      .action((name: string, options: QueueTexts) =>
        runOnQueues(options, (call) => setPaused(call, name, paused)),
      )
  }
  withStore(queue.command('drain'))
    .description('Removes the jobs that wait, ready or timed, for good.')
    .argument('<name>', 'of the queue')
    .option(...YES)
    .addHelpText('after', examples('queue drain emails', 'queue drain emails --yes'))
    .action((name: string, options: RemovalTexts) =>
      runOnQueues(options, (call) => drainQueue(call, name, options)),
    )
  withStore(queue.command('obliterate'))
    .description('Removes everything of a queue for good: waiting and dead jobs, and a pause.')
    .argument('<name>', 'of the queue')
    .option(...YES)
    .option('--force', 'also jobs in flight; without it, these keep the queue')
    .addHelpText('after', examples('queue obliterate emails --yes --force'))
    .action((name: string, options: RemovalTexts) =>
      runOnQueues(options, (call) => obliterateQueue(call, name, options)),
    )
}

function addJob(program: Command): void {
  const job = program
    .command('job')
    .summary('look at one job, cancel it, or have it run sooner or later')
    .description('Looks at one job that was added with an id or a dedupe key, and changes it.')
    .addHelpText('after', examples('job show orders order-42', 'job cancel orders order-42'))
  const add = (verb: string, about: string, more: string) =>
    withStore(job.command(verb))
      .description(about)
      .argument('<queue>', 'its queue')
      .argument('<id>', 'its id; of a dedupe key, key: and the key')
      .addHelpText('after', examples(`job ${verb} orders order-42${more}`))
  add('show', 'Shows its state, data, progress, log and result.', ' --json').action(
    (name: string, id: string, options: QueueTexts) =>
      runOnQueues(options, (call) => showJob(call, name, id)),
  )
  add('cancel', 'Keeps it from running, or tells the handler that runs it to end.', '').action(
    (name: string, id: string, options: QueueTexts) =>
      runOnQueues(options, (call) => cancelJob(call, name, id)),
  )
  add('run', 'Makes a job that waits for a time due now.', '').action(
    (name: string, id: string, options: QueueTexts) =>
      runOnQueues(options, (call) => runJobNow(call, name, id)),
  )
  add('change', 'Makes a job that waits due at another time.', ' --delay 2h')
    .option('--delay <time>', 'from now')
    .option('--at <time>', 'such as 2030-01-31T08:00:00Z')
    .action((name: string, id: string, options: ChangeTexts) =>
      runOnQueues(options, (call) => changeJob(call, name, id, options)),
    )
}

function addDead(program: Command): void {
  const dead = program
    .command('dead')
    .summary('look at the dead letters of a queue, try them again, or remove them')
    .description('Looks at jobs that will not be tried again, tries them again, or removes them.')
    .addHelpText('after', examples('dead list emails', 'dead redrive emails --limit 10'))
  withStore(dead.command('list'))
    .description('Lists dead letters, the oldest first, with why they died.')
    .argument('<queue>', 'their queue')
    .option(...LIMIT)
    .option(...RESUME)
    .addHelpText('after', examples('dead list emails', 'dead list emails --limit 1000 --json'))
    .action((name: string, options: ListTexts) =>
      runOnQueues(options, (call) => listDead(call, name, options)),
    )
  withStore(dead.command('redrive'))
    .description('Makes dead jobs ready again, as if they had never been tried.')
    .argument('<queue>', 'their queue')
    .option(...MOST)
    .addHelpText('after', examples('dead redrive emails', 'dead redrive emails --limit 10'))
    .action((name: string, options: RemovalTexts) =>
      runOnQueues(options, (call) => redriveDead(call, name, options)),
    )
  withStore(dead.command('purge'))
    .description('Removes dead letters for good.')
    .argument('<queue>', 'their queue')
    .option(...YES)
    .option(...MOST)
    .addHelpText('after', examples('dead purge emails --limit 100 --yes'))
    .action((name: string, options: RemovalTexts) =>
      runOnQueues(options, (call) => purgeDead(call, name, options)),
    )
}
