import type { Command } from 'commander'
import { examples } from './call.ts'
import { type QueueTexts, runOnQueues, withStore } from './queue-call.ts'
import {
  listSchedules,
  removeSchedule,
  type ScheduleListTexts,
  showSchedule,
} from './schedule-look.ts'

/** Adds `schedule` with its commands to the program. */
export function addScheduleCommands(program: Command): void {
  const schedule = program
    .command('schedule')
    .summary('look at the schedules of a queue, or remove them')
    .description('Looks at the rules by which jobs come, and when they come next, or removes them.')
    .addHelpText('after', examples('schedule list reports', 'schedule remove reports nightly'))
  const add = (verb: string, about: string, more: string) =>
    withStore(schedule.command(verb))
      .description(about)
      .argument('<queue>', 'its queue')
      .addHelpText('after', examples(`schedule ${verb} reports${more}`))
  add('list', 'Lists schedules by name, with their rules and next slots.', '')
    .option('--limit <n>', 'at most n', '100')
    .option('--resume <name>', 'go on behind that one')
    .action((queue: string, options: ScheduleListTexts) =>
      runOnQueues(options, (call) => listSchedules(call, queue, options)),
    )
  add('show', 'Shows the rule, data and slots of one.', ' nightly --json')
    .argument('<name>', 'of the schedule')
    .action((queue: string, name: string, options: QueueTexts) =>
      runOnQueues(options, (call) => showSchedule(call, queue, name)),
    )
  add('remove', 'Makes no more jobs of it; the jobs that are there stay.', ' nightly')
    .argument('<name>', 'of the schedule')
    .action((queue: string, name: string, options: QueueTexts) =>
      runOnQueues(options, (call) => removeSchedule(call, queue, name)),
    )
}
