#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { printable } from '../text.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { addKeysCommand } from './keys.ts'
import { addLockCommand } from './lock.ts'
import { DASHES_HINT } from './lock-options.ts'
import { Messages } from './messages.ts'
import { addQueueCommands } from './queue.ts'

const HINTED = ['commander.unknownOption', 'commander.excessArguments']

/** What follows the first `--` is not ours to read, nor commander's. */
function splitAtDashes(words: readonly string[]): { own: string[]; command: string[] } {
  const at = words.indexOf('--')
  if (at === -1) return { own: [...words], command: [] }
  return { own: words.slice(0, at), command: words.slice(at + 1) }
}

/** It quotes what was typed. */
const inert = (text: string) => text.split('\n').map(printable).join('\n')

function readVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

function createProgram(command: readonly string[]): Command {
  const program = new Command('sluice')
    .description('Locks, queues, delays and limits on Redis, Valkey and SQLite.')
    .version(readVersion(), '--version', 'print the version')
    .helpOption('--help', 'print this')
    .configureOutput({ outputError: (text, write) => write(inert(text)) })
    .exitOverride()
  addLockCommand(program, command)
  addQueueCommands(program)
  addKeysCommand(program)
  return program
}

async function main(words: readonly string[]): Promise<void> {
  const { own, command } = splitAtDashes(words)
  try {
    await createProgram(command).parseAsync(own, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage
      if (HINTED.includes(error.code) && own[0] === 'lock') console.error(DASHES_HINT)
      return
    }
    const messages = new Messages({ json: false, quiet: false })
    messages.fail(error)
    await messages.flush()
    process.exitCode = exitCodeOf(error)
  }
}

await main(process.argv.slice(2))
process.exit()
