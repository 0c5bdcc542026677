/**
 * What is longer is handed out in parts of about so many characters: the server reads the first ones while the next are
 * put together. So much of them Node writes without taking memory for it.
 */
export const PART_LENGTH = 16_000

/** Gets what is to be written, in order. */
export type Put = (text: string, isAscii: boolean) => void

/** One command in the protocol of Redis. It is measured once, where all of it is ASCII. */
export function putCommand(name: string, args: readonly string[], put: Put): void {
  let start = `*${args.length + 1}\r\n$${name.length}\r\n${name}`
  let text = start
  let from = 0
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string
    text += headOf(arg.length)
    text += arg
    if (text.length < PART_LENGTH) continue
    if (isAscii(text)) put(text, true)
    else put(inBytes(start, args.slice(from, index + 1)), false)
    from = index + 1
    start = ''
    text = ''
  }
  text += '\r\n'
  if (isAscii(text)) put(text, true)
  else put(`${inBytes(start, args.slice(from))}\r\n`, false)
}

/** As it nearly always is: then it has as many bytes as characters. */
const isAscii = (text: string) => Buffer.byteLength(text) === text.length

function inBytes(start: string, args: readonly string[]): string {
  let text = start
  for (const arg of args) text += headOf(Buffer.byteLength(arg)) + arg
  return text
}

/** What ends an argument and begins the next one. Most are short: theirs are made once. */
const heads: string[] = Array.from({ length: 256 }, (_, length) => `\r\n$${length}\r\n`)
const headOf = (length: number): string => heads[length] ?? `\r\n$${length}\r\n`
