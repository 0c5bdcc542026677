// Transactions that users begin, on clients and connections of their own.
import { createClient } from 'redis'
import { inject } from 'vitest'
import { loadDriver } from '../src/engine/sqlite/driver.ts'
import type { UserTransaction } from '../src/queue/bench.contract.ts'
import type { Admin } from './audit/redis.ts'

export function beginBy(admin: Admin): UserTransaction {
  const multi = admin.multi()
  return {
    handle: multi,
    commit: () => multi.exec(),
    async rollback() {
      multi.discard()
    },
  }
}

export async function beginByNodeRedis(): Promise<UserTransaction> {
  const client = createClient({ url: inject('redisUrl') })
  await client.connect()
  const multi = client.multi()
  return {
    handle: multi,
    commit: () => multi.exec().finally(() => client.destroy()),
    // It queues on the client: nothing was sent.
    rollback: async () => client.destroy(),
  }
}

/** On a connection of its own, by the library that Sluice uses. */
export async function beginOn(file: string): Promise<UserTransaction> {
  const database = (await loadDriver()).open(file)
  database.exec('BEGIN IMMEDIATE')
  const end = async (command: string) => {
    database.exec(command)
    database.close()
  }
  return { handle: database, commit: () => end('COMMIT'), rollback: () => end('ROLLBACK') }
}
