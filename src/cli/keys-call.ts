import { openRedis, type RedisTarget } from '../redis/index.ts'
import { type Call, type CallTexts, runCall } from './call.ts'
import { UsageError } from './exit-codes.ts'

/** What a command of `sluice keys` works with. */
export interface KeysCall extends Call {
  readonly redis: RedisTarget
  readonly place: string
}

/** Runs a command, and sets the exit code by how it ended. Nothing is left open. */
export function runKeys(options: CallTexts, run: (call: KeysCall) => Promise<number>) {
  return runCall(options, async (call) => {
    await using redis = openRedis(targetOf(options))
    return await run({ ...call, redis, place: redis.place })
  })
}

function targetOf({ url }: CallTexts): string {
  const target = url ?? process.env.SLUICE_URL
  if (target) return target
  throw new UsageError(
    'which Redis? Say --url redis://localhost:6379, or set SLUICE_URL, which `ps` does not show. SQLite files have no keys to look through.',
  )
}
