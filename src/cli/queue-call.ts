import type { Command } from 'commander'
import { createInspector, type Inspector, type Sluice } from '../inspect/index.ts'
import { type Call, type CallTexts, examples, runCall } from './call.ts'
import { openSluice } from './open-sluice.ts'

/** What every command about queues understands. */
export interface QueueTexts extends CallTexts {
  prefix?: string
}

/** What a command about queues works with. */
export interface QueueCall extends Call {
  readonly inspector: Inspector
  /** For what the inspector does not do: adding. */
  readonly sluice: Sluice
}

/** A command on a store, below another one. Its examples are what may follow its name. */
export const storeCommand = (parent: Command, verb: string, about: string, ...lines: string[]) =>
  parent
    .command(verb)
    .description(about)
    .option('--url <url>', 'the store; else SLUICE_URL, which `ps` does not show, else a file here')
    .option('--prefix <text>', 'of the keys on Redis')
    .option('--json', 'answers and messages as JSON')
    .option('--quiet', 'no messages but errors')
    .addHelpText('after', examples(...lines.map((line) => `${parent.name()} ${verb}${line}`)))

/** An action of commander's, which gives it the words, their options, and the command itself. */
export const onQueues =
  <Given extends unknown[]>(run: (call: QueueCall, ...given: Given) => Promise<number>) =>
  (...given: unknown[]) =>
    runOnQueues(given.at(-2) as QueueTexts, (call) => run(call, ...(given.slice(0, -1) as Given)))

/** Runs a command until it is done or interrupted, and sets the exit code. Nothing is left open. */
function runOnQueues(options: QueueTexts, run: (call: QueueCall) => Promise<number>) {
  return runCall(options, async (call) => {
    await using sluice = openSluice(options, call.messages)
    const interrupted = new Promise<never>((_, reject) => {
      call.signal.addEventListener('abort', () => reject(call.signal.reason), { once: true })
    })
    return await Promise.race([
      run({ ...call, sluice, inspector: createInspector(sluice) }),
      interrupted,
    ])
  })
}
