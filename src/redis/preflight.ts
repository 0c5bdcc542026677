import { readOptions } from '../options.ts'
import { type RedisTarget, withRedis } from './client.ts'
import { examine, type Finding, overall, type ServerFacts } from './preflight-findings.ts'
import { readFacts } from './server-facts.ts'

export interface PreflightReport {
  /** Whether nothing was found that is a `warning`. */
  readonly ok: boolean
  /** What to change, and why; warnings first. */
  readonly findings: readonly Finding[]
  /** What each server that takes writes says of itself. */
  readonly servers: readonly ServerFacts[]
}

/**
 * Looks at what decides how gently keys go: settings of lazy freeing, eviction, role, version and
 * persistence. Reads only, with `INFO` and `CONFIG GET`; where those are not allowed it says so, and
 * judges by what it can see.
 *
 * @throws {ArgumentError} at once
 * @throws {EngineUnavailableError}
 */
export async function preflight(target: RedisTarget, options?: object): Promise<PreflightReport> {
  readOptions('preflight', options, {})
  return withRedis(target, 'preflight.client', async (redis) => {
    const servers = await Promise.all((await redis.primaries()).map(readFacts))
    const found = servers.flatMap(examine)
    const findings = overall(found)
    return { ok: findings.every(({ level }) => level !== 'warning'), findings, servers }
  })
}
