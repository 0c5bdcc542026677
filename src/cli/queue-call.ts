import type { Command } from 'commander'
import { createInspector, type Inspector, type Sluice } from '../inspect/index.ts'
import { type Call, type CallTexts, runCall } from './call.ts'
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

export const withStore = (command: Command): Command =>
  command
    .option('--url <url>', 'the store; else SLUICE_URL, which `ps` does not show, else a file here')
    .option('--prefix <text>', 'of the keys on Redis')
    .option('--json', 'answers and messages as JSON')
    .option('--quiet', 'no messages but errors')

/** Runs a command until it is done or interrupted, and sets the exit code. Nothing is left open. */
export function runOnQueues(options: QueueTexts, run: (call: QueueCall) => Promise<number>) {
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
