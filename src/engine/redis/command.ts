import { PlainCall } from './call-line.ts'
import { asCallFailure } from './failures.ts'
import type { AnyScript } from './script.ts'
import type { Servers } from './servers.ts'

/** Sends one command with the command deadline, to the server of its key. */
export type SendCommand = (name: string, ...args: string[]) => Promise<unknown>

export const commandSender =
  (servers: Pick<Servers, 'groupOf' | 'take'>, timeoutMs: number): SendCommand =>
  (name, ...args) => {
    const deadlineMs = performance.now() + timeoutMs
    const key = (name === 'EVALSHA' ? args[2] : args[0]) ?? ''
    return new Promise((resolve, reject) => {
      const failed = (error: unknown) => reject(asCallFailure(error, name, [key]))
      const call = new PlainCall(name, args, deadlineMs, resolve, failed)
      servers.take(servers.groupOf(key), call)
    })
  }

/**
 * What `EVALSHA` is given for one script of one key and one text: as `ScriptCalls` sends it where the server's clock
 * counts. What is answered begins with the number, by which it is known not to be of another call.
 */
export const evalWords = (
  { sha1 }: Pick<AnyScript, 'sha1'>,
  key: string,
  number: string,
  text: string,
): string[] => Array.of(sha1, '1', key, number, '', text)
