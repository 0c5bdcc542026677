import type { RedisNode } from './client.ts'
import { CommandError } from './errors.ts'
import { readInfo } from './info.ts'
import { LAZY_SETTINGS, type LazySetting, type ServerFacts } from './preflight-findings.ts'

/** What a server says of itself; null for what its user may not ask. */
export async function readFacts(node: RedisNode): Promise<ServerFacts> {
  const sections = ['server', 'memory', 'replication', 'persistence']
  const [infos, lazy, policy] = await Promise.all([
    Promise.all(sections.map((section) => readInfo(node, section))),
    readConfig(node, '*lazy*'),
    readConfig(node, 'maxmemory-policy'),
  ])
  const info = new Map(infos.flatMap((section) => [...(section ?? [])]))
  const field = (name: string) => info.get(name) ?? null
  const whether = (name: string, value: string) =>
    info.has(name) ? info.get(name) === value : null
  const settings = (
    lazy === null
      ? null
      : Object.fromEntries(LAZY_SETTINGS.map((name) => [name, lazy.get(name) ?? null]))
  ) as ServerFacts['lazyFree']
  return {
    place: node.place,
    product: info.has('valkey_version') ? 'valkey' : 'redis',
    version: field('valkey_version') ?? field('redis_version'),
    role: field('role') as ServerFacts['role'],
    replicas: info.has('connected_slaves') ? Number(field('connected_slaves')) : null,
    evictionPolicy: policy?.get('maxmemory-policy') ?? field('maxmemory_policy'),
    lazyFree: settings,
    pendingFree: info.has('lazyfree_pending_objects')
      ? Number(field('lazyfree_pending_objects'))
      : null,
    appendOnly: whether('aof_enabled', '1'),
    saving: isAny(whether('rdb_bgsave_in_progress', '1'), whether('aof_rewrite_in_progress', '1')),
    lastSaveFailed: isAny(
      whether('rdb_last_bgsave_status', 'err'),
      whether('aof_last_write_status', 'err'),
    ),
  }
}

const isAny = (...facts: (boolean | null)[]) =>
  facts.every((fact) => fact === null) ? null : facts.includes(true)

async function readConfig(
  node: RedisNode,
  pattern: string,
): Promise<ReadonlyMap<LazySetting | string, string> | null> {
  const answer = await node.call('CONFIG', ['GET', pattern]).catch((error: unknown) => {
    if (error instanceof CommandError) return null
    throw error
  })
  if (!Array.isArray(answer)) return null
  const names = answer.filter((_, index) => index % 2 === 0)
  return new Map(names.map((name, index) => [String(name), String(answer[index * 2 + 1])]))
}
