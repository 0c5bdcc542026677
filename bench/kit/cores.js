// @ts-check
// Keeps the server and its clients on cores of their own, where the machine can.
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

export const CLIENT_CORE = 0
export const SERVER_CORE = 1

const canPin =
  availableParallelism() >= 2 &&
  spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status === 0

/** Said in every table: figures of pinned and of free processes are not comparable. @param {boolean} hasServer */
export function pinning(hasServer) {
  if (!canPin) return 'not pinned'
  return hasServer
    ? `server on core ${SERVER_CORE}, clients on core ${CLIENT_CORE}`
    : `one process on core ${CLIENT_CORE}, several on ${CLIENT_CORE} and ${SERVER_CORE} in turn`
}

/** All threads of a process. @param {number | undefined} pid @param {number} core */
export function pin(pid, core) {
  if (canPin && pid !== undefined) {
    spawnSync('taskset', ['-a', '-c', '-p', `${core}`, `${pid}`], { stdio: 'ignore' })
  }
}
