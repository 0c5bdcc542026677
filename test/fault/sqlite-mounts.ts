// Small file systems and read-only ones, where this user may have them.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

export interface Mount {
  readonly folder: string
  /** Mounts it again with other options, such as `size=8m` or `ro`. */
  change(options: string): void
  /** Lazily: a driver may hold a closed file until its statements are collected. */
  remove(): void
}

const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })

/** @throws when this user may not mount. */
export function mountMemory(options: string): Mount {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-mount-'))
  try {
    run('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', folder)
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
  return {
    folder,
    change: (changed) => run('mount', '-o', `remount,${changed}`, folder),
    remove() {
      run('umount', '-l', folder)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Why nothing can be mounted here, or null. */
export function whyNoMount(): string | null {
  if (process.platform !== 'linux') return `no tmpfs on ${process.platform}`
  if (process.getuid?.() !== 0) return 'mounting needs root'
  try {
    mountMemory('size=64k').remove()
    return null
  } catch (error) {
    return String(error)
  }
}

/** Makes a file that nobody may change, root included, or says why that is not possible. */
export function makeImmutable(file: string): (() => void) | string {
  try {
    run('chattr', '+i', file)
    return () => run('chattr', '-i', file)
  } catch (error) {
    return String(error)
  }
}
