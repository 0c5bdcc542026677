import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT, exitCodeOfSignal } from './exit-codes.ts'
import { quote } from './messages.ts'

/** How often a group is looked at that was told to end. */
const LOOK_EVERY_MS = 20

/** The command could not be started: it is missing, or no program. */
export class CannotStartError extends Error {
  readonly exitCode: number
  constructor(command: string, cause: unknown) {
    const { code, message } = cause as NodeJS.ErrnoException
    const isMissing = code === 'ENOENT'
    const reason = isMissing ? 'command not found' : `cannot be run: ${message}`
    super(`${quote(command)}: ${reason}`, { cause })
    this.exitCode = isMissing ? EXIT.notFound : EXIT.notExecutable
  }
}

/**
 * A command in a session of its own, so that it and what it starts are one process group, which
 * signals reach as a whole. It has our standard input, output and error.
 *
 * As the session has no controlling terminal, reading from a terminal is never stopped by SIGTTIN,
 * and Ctrl-C and Ctrl-Z reach us alone.
 */
export class Child {
  /** The exit code as a shell would put it. @throws {CannotStartError} */
  readonly ended: Promise<number>
  readonly pid: number | undefined

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    let child: ChildProcess
    try {
      child = spawn(command, args, { stdio: 'inherit', detached: true, env })
    } catch (error) {
      throw new CannotStartError(command, error)
    }
    this.pid = child.pid
    this.ended = new Promise((resolve, reject) => {
      child.once('error', (error) => reject(new CannotStartError(command, error)))
      child.once('exit', (code, signal) => resolve(signal ? exitCodeOfSignal(signal) : (code ?? 0)))
    })
  }

  /** Sends a signal to the whole group; 0 only looks. False when nobody is left. */
  signal(signal: NodeJS.Signals | 0): boolean {
    if (this.pid === undefined) return false
    try {
      return process.kill(-this.pid, signal)
    } catch (error) {
      // Somebody is left, and is another user by now.
      return (error as NodeJS.ErrnoException).code === 'EPERM'
    }
  }

  /** Waits until the whole group is gone, at most so long. */
  async groupEnded(withinMs: number): Promise<boolean> {
    const deadlineMs = performance.now() + withinMs
    while (this.signal(0)) {
      const leftMs = deadlineMs - performance.now()
      if (leftMs <= 0) return false
      await sleep(Math.min(LOOK_EVERY_MS, leftMs))
    }
    return true
  }

  /** SIGTERM to the group, and SIGKILL to whoever is left of it after the grace. */
  async stop(graceMs: number): Promise<void> {
    this.signal('SIGTERM')
    if (!(await this.groupEnded(graceMs))) this.signal('SIGKILL')
  }
}
