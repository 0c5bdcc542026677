import type { Command } from 'commander'
import { examples } from './call.ts'
import { onQueues, storeCommand } from './queue-call.ts'
import { putSchedule, removeSchedule } from './schedule-change.ts'
import { listSchedules, showSchedule } from './schedule-look.ts'

/** Adds `schedule` with its commands to the program. */
export function addScheduleCommands(program: Command): void {
  const schedule = program
    .command('schedule')
    .summary('look at the schedules of a queue, put and remove them')
    .description(
      'Looks at the rules by which jobs come, and when they come next, puts and removes them.',
    )
    .addHelpText('after', examples('schedule list reports', 'schedule remove reports nightly'))
  const add = (verb: string, about: string, ...lines: string[]) =>
    storeCommand(schedule, verb, about, ...lines.map((line) => ` reports${line}`)).argument(
      '<queue>',
      'its queue',
    )
  add('list', 'Lists schedules by name, with their rules and next slots.', '')
    .option('--limit <n>', 'at most n', '100')
    .option('--resume <name>', 'go on behind that one')
    .action(onQueues(listSchedules))
  add('show', 'Shows the rule, data and slots of one.', ' nightly --json')
    .argument('<name>', 'of the schedule')
    .action(onQueues(showSchedule))
  add(
    'put',
    'Makes a schedule, or gives one another rule, data and options.',
    ` nightly --cron '0 3 * * *' --time-zone Europe/Berlin --data '{"kind":"day"}'`,
    ' often --every 10m --data null --catch-up skip',
  )
    .argument('<name>', 'of the schedule')
    .requiredOption('--data <json>', 'of its jobs')
    .option('--cron <pattern>', 'five fields, or six with seconds in front')
    .option('--time-zone <zone>', 'of the pattern, such as Europe/Berlin; UTC without it')
    .option('--every <time>', 'instead of a pattern, such as 10m')
    .option('--at <time>', 'of the first slot of --every, such as 2030-01-31T08:00:00Z')
    .option('--catch-up <slots>', 'that were missed: one job for all of them (one), all or skip')
    .option('--attempts <n>', 'of each of its jobs; 3 without it')
    .option('--priority <n>', 'of its jobs; below 0 before all others')
    .option('--lifo', 'its jobs before all others, the newest first')
    .option('--deadline <time>', 'a job that has not begun by then is dead')
    .action(onQueues(putSchedule))
  add('remove', 'Makes no more jobs of it; the jobs that are there stay.', ' nightly')
    .argument('<name>', 'of the schedule')
    .action(onQueues(removeSchedule))
}
