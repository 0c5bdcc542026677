// The built program, and the stores that it is run on.
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inject } from 'vitest'
import { createSluice, type Sluice } from '../src/sluice.ts'

export const program = path.resolve(import.meta.dirname, '..', 'dist', 'cli', 'main.js')

/** A store that a test has for itself. */
export interface Place {
  url: string
  prefix?: string
}

/** What is to be undone after a test, the last first. */
export type CleanUps = (() => unknown)[]

export function openFile(cleanUps: CleanUps): Place {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-cli-'))
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
  return { url: `sqlite:${path.join(folder, 'sluice.db')}` }
}

export const cliEngines = [
  { name: 'sqlite file', open: openFile },
  {
    name: 'redis',
    open: (_: CleanUps): Place => ({ url: inject('redisUrl'), prefix: `cli-${randomUUID()}` }),
  },
]

export function clientOf({ url, prefix }: Place, cleanUps: CleanUps): Sluice {
  const sluice = createSluice(url, { commandTimeout: '10s', ...(prefix ? { prefix } : {}) })
  cleanUps.push(() => sluice.close())
  return sluice
}

/** A command that ends by itself; without a store unless `env` names one. */
export function runProgram(
  words: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const { SLUICE_URL: _, ...inherited } = process.env
    const child = execFile(
      process.execPath,
      [program, ...words],
      { cwd: tmpdir(), env: { ...inherited, ...env }, timeout: 30_000 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    )
    child.stdin?.end()
  })
}
