// One shared server for the whole run. Tests keep apart by key prefix; those that pause, kill or
// configure a server start their own with `startRedis`.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestProject } from 'vitest/node'
import { startCluster } from './fault/servers.js'
import { runFolderVariable, startRedis } from './redis.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    redisUrl: string
    /** Of three masters. */
    clusterUrl: string
  }
}

const folderPrefix = 'sluice-test-'

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  removeForgottenRuns()
  const folder = mkdtempSync(path.join(tmpdir(), `${folderPrefix}${process.pid}-`))
  process.env[runFolderVariable] = folder
  const [shared, cluster] = await Promise.all([startRedis(), startCluster()])
  project.provide('redisUrl', shared.url)
  project.provide('clusterUrl', cluster.url)
  return async () => {
    await Promise.all([shared.stop(), cluster.close()])
    removeRun(folder)
  }
}

/** A run that was killed may have left its folder behind. */
function removeForgottenRuns(): void {
  for (const name of readdirSync(tmpdir()).filter((name) => name.startsWith(folderPrefix))) {
    const pid = Number(name.slice(folderPrefix.length).split('-')[0])
    if (commandOf(pid) === '') removeRun(path.join(tmpdir(), name))
  }
}

/** Servers end with the process that started them, however it ended; folders may be left. */
function removeRun(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true })
  } catch {
    // Another run, or another user, owns it. It is not worth a failed run.
  }
}

/** The command line of a process, empty when there is none. */
function commandOf(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return execFileSync('ps', ['-o', 'command=', '-p', `${pid}`], { encoding: 'utf8' })
  } catch {
    return ''
  }
}
