import { Cluster } from './cluster.ts'
import type { Servers, ServersOptions } from './servers.ts'
import { singleServer } from './single.ts'
import type { RedisSource } from './source.ts'

/** The servers behind a source, whatever they are to each other. Nothing is opened before it is used. */
export function openServers(source: RedisSource, options: ServersOptions): Servers {
  const { topology } = source
  if (topology.kind === 'cluster') return new Cluster(source, topology, options)
  return singleServer(source, options)
}
