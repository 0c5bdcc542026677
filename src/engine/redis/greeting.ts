import { EngineUnavailableError } from '../../errors.ts'
import type { RawClient } from './client.ts'

/** What a server says of itself. Absent where its user may not ask. */
export interface Greeting {
  /** Of this run of the server: another one after every restart. */
  runId?: string | undefined
  evictionPolicy?: string | undefined
  /** For how long it has been running, at least. */
  uptimeMs?: number | undefined
  /** Whether it is a node of a cluster. */
  inCluster?: boolean
}

const OLDEST = { major: 6, minor: 2 }

/**
 * Asks a server who it is before it serves.
 * @throws {EngineUnavailableError} if it is too old for the scripts
 */
export async function greet(client: RawClient, label: string): Promise<Greeting> {
  const [server, memory] = await Promise.all(
    ['server', 'memory'].map((section) => askInfo(client, section)),
  )
  const field = (text: string | undefined, name: string) =>
    new RegExp(`^${name}:([^\r\n]*)`, 'm').exec(text ?? '')?.[1]
  refuseOld(field(server, 'redis_version'), label)
  const uptimeSeconds = field(server, 'uptime_in_seconds')
  return {
    runId: field(server, 'run_id'),
    evictionPolicy: field(memory, 'maxmemory_policy'),
    // Two readings in whole seconds, one less the other: up to a second more than it has run.
    uptimeMs:
      uptimeSeconds === undefined ? undefined : Math.max(0, Number(uptimeSeconds) - 1) * 1000,
    inCluster: field(server, 'redis_mode') === 'cluster',
  }
}

async function askInfo(client: RawClient, section: string): Promise<string | undefined> {
  try {
    return String(await client.send('INFO', [section]))
  } catch (error) {
    // A user of few rights may do without; a socket that is gone fails the connection.
    if (error instanceof Error && client.isReply(error)) return undefined
    throw error
  }
}

function refuseOld(version: string | undefined, label: string): void {
  if (version === undefined) return
  const [major = Number.NaN, minor = 0] = version.split('.').map(Number)
  if (!(major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor))) return
  throw new EngineUnavailableError(
    `Redis (${label}) has version ${version}, and Sluice needs ${OLDEST.major}.${OLDEST.minor} or newer, or any Valkey. Upgrade the server.`,
    { outcome: 'not-applied', retryable: false },
  )
}
