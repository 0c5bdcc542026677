import type { Writable } from 'node:stream'
import type { Command } from 'ioredis'

/** The class of the library's commands. */
export type CommandClass = typeof Command

const UTF8 = { replyEncoding: 'utf8' } as const

/**
 * A command that costs a third of what the library's own do, with a hundred arguments: those are
 * copied twice, looked at for what need not be text, and measured one by one.
 */
export function textCommand(library: CommandClass, name: string, args: string[]): Command {
  const command = new library(name, [], UTF8)
  command.args = args
  command.toWritable = toWritable
  return command
}

/**
 * What is longer is written in parts of about so many characters: the server reads the first ones while the next are
 * put together. So much of them Node writes without taking memory for it.
 */
const PART_LENGTH = 16_000

/** One command in the protocol of Redis. All but its last part is written here, that one by the library. */
function toWritable(this: Command, stream: object): string {
  const args = this.args as string[]
  let start = `*${args.length + 1}\r\n$${this.name.length}\r\n${this.name}`
  let text = start
  let from = 0
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string
    text += headOf(arg.length)
    text += arg
    if (text.length < PART_LENGTH) continue
    if (isAscii(text)) (stream as Writable).write(text, 'latin1')
    else (stream as Writable).write(inBytes(start, args.slice(from, index + 1)))
    from = index + 1
    start = ''
    text = ''
  }
  return `${isAscii(text) ? text : inBytes(start, args.slice(from))}\r\n`
}

/** As it nearly always is: then it has as many bytes as characters. */
const isAscii = (text: string) => Buffer.byteLength(text) === text.length

function inBytes(start: string, args: string[]): string {
  let text = start
  for (const arg of args) text += headOf(Buffer.byteLength(arg)) + arg
  return text
}

/** What ends an argument and begins the next one. Most are short: theirs are made once. */
const heads: string[] = Array.from({ length: 256 }, (_, length) => `\r\n$${length}\r\n`)
const headOf = (length: number): string => heads[length] ?? `\r\n$${length}\r\n`
