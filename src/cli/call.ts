import { writeSync } from 'node:fs'
import { printable } from '../text.ts'
import { exitCodeOf, InterruptedError } from './exit-codes.ts'
import { Messages } from './messages.ts'
import { ProgressBar } from './progress-bar.ts'
import { SignalRoute } from './signals.ts'

/** What every command that answers understands, as commander has it. */
export interface CallTexts {
  url?: string
  json?: true
  quiet?: true
}

/** What a command that answers works with. */
export interface Call {
  /** Aborts when we are told to end. */
  readonly signal: AbortSignal
  readonly messages: Messages
  readonly bar: ProgressBar
  readonly isJson: boolean
  /** Of the terminal; a file takes lines of any length. */
  readonly columns: number
  /** A line of the answer, on standard output: a text for people, or data. */
  print(data: object, text: string): void
}

/** The lines of examples of a help. */
export const examples = (...lines: string[]) =>
  `\nExamples:\n${lines.map((line) => `  $ sluice ${line}`).join('\n')}`

/** Runs a command, and sets the exit code by what it answers, or how it failed. */
export async function runCall(
  options: CallTexts,
  run: (call: Call) => Promise<number>,
): Promise<void> {
  const isJson = options.json ?? false
  const quiet = options.quiet ?? false
  const messages = new Messages({ json: isJson, quiet })
  const bar = new ProgressBar(!isJson && !quiet)
  const signals = new SignalRoute()
  try {
    const { columns } = process.stdout
    process.exitCode = await run({
      signal: signals.interrupted,
      messages,
      bar,
      isJson,
      columns: columns > 0 ? columns : Number.POSITIVE_INFINITY,
      print: (data, text) => printLine(isJson ? JSON.stringify(data) : text),
    })
  } catch (error) {
    bar.clear()
    if (!(error instanceof InterruptedError)) messages.fail(error)
    process.exitCode = exitCodeOf(error)
  } finally {
    bar.clear()
    await messages.flush()
  }
}

/** In full before the next one, however slowly it is read. A reader that left has read enough. */
function printLine(line: string): void {
  let rest = Buffer.from(`${printable(line)}\n`)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(process.stdout.fd, rest))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPIPE') process.exit(0)
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}
