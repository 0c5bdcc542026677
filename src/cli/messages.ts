import { appendFile } from 'node:fs'
import { promisify } from 'node:util'
import { SluiceError } from '../errors.ts'
import { printable, shorten } from '../text.ts'

const append = promisify(appendFile)
const STANDARD_ERROR = 2

export interface MessageOptions {
  /** A JSON object for each line. */
  json: boolean
  /** Errors only. */
  quiet: boolean
}

/**
 * What `sluice` tells people, on standard error alone: standard output is the command's.
 *
 * A reader that stopped reading must not stop us, for we renew a lease meanwhile. So lines are
 * written one after the other by a thread, and what nobody can read any more is dropped. Node's own
 * stream would wait in our way, or switch the pipe that the command shares to failing writes.
 */
export class Messages {
  private readonly options: MessageOptions
  private written: Promise<void> = Promise.resolve()

  constructor(options: MessageOptions) {
    this.options = options
  }

  /** `text` for people, or `event` with `data` for programs. */
  say(event: string, data: object, text: string): void {
    if (!this.options.quiet) this.write(event, data, text)
  }

  /** What went wrong, also when quiet. */
  fail(error: unknown): void {
    const { message } = error instanceof Error ? error : new Error(String(error))
    const code = error instanceof SluiceError ? { code: error.code } : {}
    this.write('error', { ...code, message }, `error: ${message}`)
  }

  /** The same for what has an event of its own. */
  alarm(event: string, data: object, text: string): void {
    this.write(event, data, text)
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    await this.written
  }

  private write(event: string, data: object, text: string): void {
    const line = this.options.json ? JSON.stringify({ event, atMs: Date.now(), ...data }) : text
    this.written = this.written
      .then(() => append(STANDARD_ERROR, `${printable(line)}\n`))
      .catch(() => {})
  }
}

/** A user's text for a message: one line, in quotes, that cannot act on a terminal. */
export const quote = (text: string) => `"${shorten(printable(text))}"`

/** `host:pid:…`, the owner of a lock, in words. */
export function ownerInWords(owner: string): string {
  const [, host, pid] = /^(.+):(\d+):[^:]*$/.exec(owner) ?? []
  return host === undefined ? shorten(owner) : `${host} (pid ${pid})`
}

/** How long something lasts, by its two largest units: `2m04s`. */
export function ageInWords(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  const pad = (part: number) => String(part).padStart(2, '0')
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3_600)]
  if (minutes === 0) return `${seconds}s`
  if (hours === 0) return `${minutes}m${pad(seconds % 60)}s`
  if (hours < 24) return `${hours}h${pad(minutes % 60)}m`
  return `${Math.floor(hours / 24)}d${pad(hours % 24)}h`
}
