// What is sent, byte for byte: as the library itself writes it.
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { Command } from 'ioredis'
import { expect, it } from 'vitest'
import { textCommand } from './ioredis-command.ts'

/** What the library writes at the end, behind what is written before. */
function written(args: string[]) {
  const stream = new PassThrough()
  const last = textCommand(Command, 'evalsha', args).toWritable(stream)
  const parts: Buffer[] = []
  for (let part = stream.read(); part !== null; part = stream.read()) parts.push(part)
  return Buffer.concat([...parts, Buffer.from(last)])
}

const expected = (args: string[]) =>
  Buffer.from(new Command('evalsha', args).toWritable(new PassThrough()))

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ maxLength: 300 }),
  fc.constantFrom('', 'ü', '\r\n$3\r\n', '限流', '\ud800', 'é'.repeat(400), 'x'.repeat(20_000)),
)

it('a command is written as the library does it, however long and in whatever language', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 300 }), (args) => {
      expect(written(args).equals(expected(args))).toBe(true)
    }),
  )
})

it('a long command is written in parts, one argument at least in each', () => {
  const pieces: number[] = []
  const stream = new PassThrough()
  stream.write = ((piece: string) => pieces.push(piece.length)) as never
  const last = textCommand(Command, 'evalsha', Array(1_000).fill('x'.repeat(200))).toWritable(
    stream,
  )
  expect(pieces.length).toBeGreaterThan(10)
  for (const length of [...pieces, last.length]) expect(length).toBeLessThan(20_000)
  expect(textCommand(Command, 'get', ['x'.repeat(200)]).toWritable(stream)).toMatch(/^\*2\r\n/)
  expect(pieces.every((length) => length > 10_000)).toBe(true)
})
