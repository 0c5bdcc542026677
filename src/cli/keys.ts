import type { Command } from 'commander'
import { type CallTexts, examples } from './call.ts'
import { runKeys } from './keys-call.ts'
import { type DrainTexts, drain, type RemoveTexts, removeKeys } from './keys-delete.ts'
import { type BigTexts, listKeys, type ScanTexts, showBigKeys, showPreflight } from './keys-look.ts'

const ABOUT = `
All of it works on every server of a cluster, over connections of its own, and rests between commands.
The answer is on standard output, progress and messages are on standard error.

Examples:
  $ export SLUICE_URL=redis://localhost:6379
  $ sluice keys preflight
  $ sluice keys big --top 10
  $ sluice keys rm 'session:*' --dry-run
  $ sluice keys rm 'session:*' --yes --pace 20000
  $ sluice keys drain leaderboard:2019 --yes`

/** Adds `keys` with its commands to the program. */
export function addKeysCommand(program: Command): void {
  const keys = program
    .command('keys')
    .summary('look through the keys of a Redis, and delete them gently')
    .description('Looks through the keys of your own Redis or Valkey, and deletes them gently.')
    .addHelpText('after', ABOUT)
  addLooking(keys)
  addDeleting(keys)
}

function addLooking(keys: Command): void {
  withPlace(keys.command('scan'))
    .description('Lists keys, one a line.')
    .argument('[pattern]', 'such as "session:*"; all keys without it')
    .option('--type <type>', 'of this type alone: string, list, set, zset, hash, stream')
    .option('--from <servers>', 'primaries or replicas', 'primaries')
    .option('--pace <n>', 'look at no more than n keys a second')
    .option('--limit <n>', 'end after n keys')
    .option('--resume <text>', 'go on where an earlier scan ended')
    .addHelpText(
      'after',
      examples(`keys scan 'session:*' --limit 10`, 'keys scan --type stream --json'),
    )
    .action((pattern: string | undefined, options: ScanTexts) =>
      runKeys(options, (call) => listKeys(call, pattern, options)),
    )
  withPlace(keys.command('big'))
    .description('Finds the biggest keys, and draws them.')
    .argument('[pattern]', 'such as "session:*"; all keys without it')
    .option('--by <what>', 'memory or elements', 'memory')
    .option('--top <n>', 'how many keys, of each type as well', '20')
    .option('--type <types>', 'of these types alone, with commas between them')
    .option('--from <servers>', 'replicas, where there are any, or primaries', 'replicas')
    .option('--separator <text>', 'between the parts of names', ':')
    .option('--pace <n>', 'look at no more than n keys a second')
    .addHelpText(
      'after',
      examples('keys big --top 10', `keys big 'user:*' --by elements --type zset,hash`),
    )
    .action((pattern: string | undefined, options: BigTexts) =>
      runKeys(options, (call) => showBigKeys(call, pattern, options)),
    )
  withPlace(keys.command('preflight'))
    .description('Says what to change in a server before big keys go; exit code 1 if anything.')
    .addHelpText('after', examples('keys preflight', 'keys preflight --json'))
    .action((options: CallTexts) => runKeys(options, showPreflight))
}

function addDeleting(keys: Command): void {
  withPlace(keys.command('rm'))
    .description('Deletes the keys that match a pattern, with UNLINK and rests.')
    .argument('<pattern>', 'such as "session:*"; \\* is a star')
    .option('--dry-run', 'count and measure them, and delete nothing')
    .option('--yes', 'do not ask')
    .option('--all', 'allow a pattern that matches nearly everything, such as "*"')
    .option('--type <type>', 'of this type alone')
    .option('--pace <n>', 'delete no more than n keys a second')
    .option('--max-block <time>', 'how long one command may take; 0.15ms by default')
    .option('--resume <text>', 'go on where an interrupted deletion ended')
    .addHelpText(
      'after',
      examples(`keys rm 'session:*' --dry-run`, `keys rm 'session:*' --yes --pace 20000`),
    )
    .action((pattern: string, options: RemoveTexts) =>
      runKeys(options, (call) => removeKeys(call, pattern, options)),
    )
  withPlace(keys.command('drain'))
    .description('Deletes one key of any size, in small steps. The same command goes on with it.')
    .argument('<key>', 'its name in full')
    .option('--yes', 'do not ask')
    .option('--max-block <time>', 'how long one step may take; 0.15ms by default')
    .addHelpText('after', examples('keys drain leaderboard:2019 --yes'))
    .action((key: string, options: DrainTexts) =>
      runKeys(options, (call) => drain(call, key, options)),
    )
}

const withPlace = (command: Command): Command =>
  command
    .option('--url <url>', 'the Redis; else SLUICE_URL, which `ps` does not show')
    .option('--json', 'answers and messages as JSON')
    .option('--quiet', 'no progress, and no messages but errors')
