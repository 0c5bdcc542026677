import { createInterface } from 'node:readline/promises'
import { UsageError } from './exit-codes.ts'

/** Asks whoever is there; where nobody is, the flag has to say it. @throws {UsageError} */
export async function agree({ yes }: { yes?: true }, what: string): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError(`this would ${what}. Say --yes to do so; nothing was changed`)
  }
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await asking.question(`This will ${what}. Go on? [y/N] `)
  asking.close()
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new UsageError('not agreed to; nothing was changed')
}
