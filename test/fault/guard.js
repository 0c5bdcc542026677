// @ts-check
// Cleans up after this process, even when that is killed.
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/**
 * Runs a shell script once this process has ended, however it ended: the guard reads from a pipe
 * that the system closes then. `lift` has it run now.
 *
 * @param {string} script
 * @param {readonly string[]} args
 */
export function guard(script, args) {
  const child = spawn('/bin/sh', ['-c', `cat >/dev/null\n${script}`, 'guard', ...args], {
    // In a group of its own: a Ctrl-C meant for this process must not end its guard first.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.on('error', () => {})
  child.unref()
  const ended = new Promise((resolve) => child.once('close', resolve))
  return {
    async lift() {
      child.ref()
      child.stdin.end()
      await ended
    },
  }
}

const endServers = `
for file in "$1"/*/redis.pid; do
  [ -f "$file" ] && kill -9 "$(cat "$file")"
done
rm -rf "$1"`

/** @type {string | undefined} */
let folder

/**
 * Where the servers of this process keep their folders. A `redis.pid` in any of them names a server
 * to end with this process; whoever sees the server end before removes it.
 */
export function openRunFolder() {
  if (folder === undefined) {
    // The folder of a test run, when there is one, is swept by the next run as well.
    const parent = process.env.SLUICE_TEST_FOLDER ?? tmpdir()
    folder = mkdtempSync(path.join(parent, 'sluice-servers-'))
    guard(endServers, [folder])
  }
  return folder
}
