import type { RawClient } from './client.ts'
import { Connection } from './connection.ts'
import { asFailure } from './failures.ts'
import { lateClient } from './late-client.ts'
import type { Host, RedisSource, Topology } from './source.ts'
import { hostText } from './url.ts'

type SentinelTopology = Topology & { kind: 'sentinel' }

/** What one sentinel believes. The higher the epoch, the newer the belief. */
interface Belief {
  master: Host
  epoch: number
}

/** After the first answer, the other sentinels have this long to know better. */
const SECOND_OPINION_MS = 100
const PING_AFTER_MS = 5_000

/** A client to the server that the sentinels name as the master, once it says so itself. */
export function openMaster(
  source: RedisSource,
  topology: SentinelTopology,
  connectTimeoutMs: number,
): RawClient {
  const search = new AbortController()
  const late = lateClient(async () => {
    const master = await findMaster(source, topology, connectTimeoutMs, search.signal)
    return source.openData(master, connectTimeoutMs)
  })
  return {
    ...late,
    destroy() {
      search.abort()
      late.destroy()
    },
    async connect() {
      await late.connect()
      const answer = await late.send('ROLE', [])
      const role = Array.isArray(answer) ? String(answer[0]) : 'server without a role'
      if (role === 'master') return
      throw new Error(
        `the sentinels name a server as master of ${topology.name} that is a ${role}: a failover is under way`,
      )
    },
  }
}

/** Asks all sentinels at once, so that none of them that is dead or cut off holds up the others. */
async function findMaster(
  source: RedisSource,
  topology: SentinelTopology,
  timeoutMs: number,
  cancel: AbortSignal,
): Promise<Host> {
  const beliefs: Belief[] = []
  const failures: string[] = []
  const clients: RawClient[] = []
  let limit: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve) => {
      limit = setTimeout(resolve, timeoutMs)
      cancel.addEventListener('abort', () => resolve(), { once: true })
      const settled = () => {
        if (beliefs.length + failures.length === topology.sentinels.length) resolve()
      }
      for (const at of topology.sentinels) {
        const client = source.openSentinel(at, timeoutMs)
        client.onClose(() => {})
        clients.push(client)
        void askForMaster(client, topology.name)
          .then(
            (belief) => {
              if (beliefs.length === 0) setTimeout(resolve, SECOND_OPINION_MS)
              beliefs.push(belief)
            },
            (error: unknown) => {
              failures.push(`${hostText(at)}: ${asFailure(client, error).message}`)
            },
          )
          .then(settled)
      }
    })
  } finally {
    clearTimeout(limit)
    for (const client of clients) client.destroy()
  }
  const [newest] = beliefs.sort((a, b) => b.epoch - a.epoch)
  if (newest) return newest.master
  const reasons = failures.length > 0 ? failures.join('; ') : `no answer within ${timeoutMs} ms`
  throw new Error(`no sentinel knows the master ${topology.name} (${reasons})`)
}

async function askForMaster(client: RawClient, name: string): Promise<Belief> {
  await client.connect()
  const reply = await client.send('SENTINEL', ['MASTER', name])
  if (!Array.isArray(reply) || !reply.includes('ip')) throw new Error('it is not Redis Sentinel')
  const field = (wanted: string) => String(reply[reply.indexOf(wanted) + 1] ?? '')
  const master = { host: field('ip'), port: Number(field('port')) }
  return { master, epoch: Number(field('config-epoch')) }
}

/**
 * Listens to a sentinel for a change of master. Without it a client that is cut off together with
 * an old master would go on writing there, and nothing would tell it.
 */
export function watchMaster(
  source: RedisSource,
  topology: SentinelTopology,
  connectTimeoutMs: number,
  onSwitch: () => void,
): Connection {
  let next = 0
  return new Connection({
    label: `sentinels at ${source.place}`,
    openClient() {
      const { sentinels } = topology
      const at = sentinels[next++ % sentinels.length]
      if (!at) throw new Error('no sentinel is named')
      return source.openSentinel(at, connectTimeoutMs)
    },
    connectTimeoutMs,
    pulse: { pingAfterMs: PING_AFTER_MS, pingTimeoutMs: connectTimeoutMs },
    prepare: (client) =>
      client.subscribe('+switch-master', (message) => {
        if (message.startsWith(`${topology.name} `)) onSwitch()
      }),
  })
}
