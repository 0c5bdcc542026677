import type { RawClient } from './client.ts'
import { Connection } from './connection.ts'
import { openMaster, watchMaster } from './sentinel.ts'
import { callConnectionOptions, type Servers, type ServersOptions } from './servers.ts'
import type { RedisSource } from './source.ts'

/** One server, at an address or wherever the sentinels say that the master is. */
export function singleServer(source: RedisSource, options: ServersOptions): Servers {
  const { topology, place } = source
  const { connectTimeoutMs } = options

  function open(): RawClient {
    if (topology.kind !== 'sentinel') return source.openData(null, connectTimeoutMs)
    return openMaster(source, topology, connectTimeoutMs)
  }

  const commands: Connection = new Connection({
    ...callConnectionOptions(`commands to ${place}`, options, () => commands),
    openClient: open,
  })
  const watch =
    topology.kind === 'sentinel'
      ? watchMaster(source, topology, connectTimeoutMs, () =>
          commands.reconnect(new Error('the sentinels named another master')),
        )
      : null

  function used(): Connection {
    watch?.start()
    return commands
  }

  return {
    groupOf: () => 0,
    tagOf: () => '',
    serverOf: () => '',
    call: (_, command, args, deadlineMs) => used().call(command, args, deadlineMs),
    take: (_, call) => used().take(call),
    each: async () => [used()],
    reconnect: (_, cause) => commands.reconnect(cause),
    openBeside: open,
    blocksTogether: true,
    countsListeners: true,
    lastAnswerMs: () => commands.lastAnswerMs,
    async close() {
      await Promise.all([commands.close(), watch?.close()])
    },
  }
}
