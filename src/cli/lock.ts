import type { Command } from 'commander'
import { LockTimeoutError } from '../errors.ts'
import type { Sluice } from '../index.ts'
import { acquire, refusalInWords } from './acquire.ts'
import { CannotStartError } from './child.ts'
import { openDoor } from './door.ts'
import { EXIT, exitCodeOf, InterruptedError } from './exit-codes.ts'
import { runHolding } from './hold.ts'
import { type LockOptionTexts, type LockRequest, readLockRequest } from './lock-options.ts'
import { Messages } from './messages.ts'
import { openSluice } from './open-sluice.ts'
import { SignalRoute } from './signals.ts'

const EXAMPLES = `
What follows \`--\` is started as it stands, without a shell.

Examples:
  $ sluice lock deploy -- ./deploy.sh --env prod
  $ sluice lock report --no-wait --conflict-exit-code 0 -- ./report.sh
  $ sluice lock encode --slots 3 --wait 2h -- ffmpeg -i in.mov out.mp4
  $ sluice lock deploy -- sh -c 'psql -v fence=$SLUICE_LOCK_FENCE -f migrate.sql'

The command sees SLUICE_LOCK_NAME, SLUICE_LOCK_OWNER, SLUICE_LOCK_TTL_MS and, without --slots,
SLUICE_LOCK_FENCE, a number that grows with every holder.

Exit codes: the command's own, 128+n if signal n ended it, 126 or 127 if it cannot be run, and
  64  the command line is wrong             75  not acquired in time
  69  the store cannot be used              76  the lock was lost, so the command was ended`

/** Adds `lock` to the program. `command` is what stood behind `--`. */
export function addLockCommand(program: Command, command: readonly string[]): void {
  program
    .command('lock')
    .summary('run a command while holding a lock')
    .description('Runs a command while holding a lock that all processes on the same store share.')
    .usage('NAME [options] -- COMMAND [ARGS...]')
    .argument('<name>', 'of the lock')
    .option('--ttl <time>', 'how long the lock outlives us if we are killed', '30s')
    .option('--wait <time>', 'how long to stand in line', '10m')
    .option('--no-wait', 'give up at once if it is taken')
    .option('--slots <n>', 'so many may hold it at a time; all must say the same number', '1')
    .option('--grace <time>', 'from SIGTERM to SIGKILL when the lock is lost', '10s')
    .option('--conflict-exit-code <n>', 'when it is not acquired in time', `${EXIT.notAcquired}`)
    .option('--label <text>', 'shown to those who ask who holds it')
    .option('--url <url>', 'the store; else SLUICE_URL, which `ps` does not show, else a file here')
    .option('--prefix <text>', 'of the keys on Redis')
    .option('--json', 'messages as lines of JSON')
    .option('--quiet', 'no messages but errors')
    .addHelpText('after', EXAMPLES)
    .action(async (name: string, options: LockOptionTexts) => {
      process.exitCode = await runLock(readLockRequest(name, options, command))
    })
}

async function runLock(request: LockRequest): Promise<number> {
  const messages = new Messages(request)
  const signals = new SignalRoute()
  let sluice: Sluice | undefined
  try {
    sluice = openSluice(request, messages)
    const { waitMs } = request
    const terms = { waitMs, signal: signals.interrupted, messages }
    const held = await acquire(openDoor(sluice, request), terms)
    return await runHolding(held, request, messages, signals)
  } catch (error) {
    return tellFailure(error, request, messages)
  } finally {
    await sluice?.close()
    await messages.flush()
  }
}

function tellFailure(error: unknown, request: LockRequest, messages: Messages): number {
  if (error instanceof LockTimeoutError) {
    const { name, conflictExitCode } = request
    const { holder, position, retryAfterMs } = error
    const data = { name, holder, ahead: position, retryAfterMs }
    messages.say('not-acquired', data, refusalInWords(name, error))
    return conflictExitCode
  }
  if (!(error instanceof InterruptedError)) messages.fail(error)
  return error instanceof CannotStartError ? error.exitCode : exitCodeOf(error)
}
