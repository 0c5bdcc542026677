// What is sent, byte for byte: as a library writes it.
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { Command } from 'ioredis'
import { expect, it } from 'vitest'
import { putCommand } from './command-text.ts'

function written(name: string, args: string[]) {
  const parts: Buffer[] = []
  putCommand(name, args, (text, isAscii) => {
    parts.push(Buffer.from(text, isAscii ? 'latin1' : 'utf8'))
  })
  return parts
}

const expected = (args: string[]) =>
  Buffer.from(new Command('evalsha', args).toWritable(new PassThrough()))

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ maxLength: 300 }),
  fc.constantFrom('', 'ü', '\r\n$3\r\n', '限流', '\ud800', 'é'.repeat(400), 'x'.repeat(20_000)),
)

it('a command is written as a library does it, however long and in whatever language', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 300 }), (args) => {
      expect(Buffer.concat(written('evalsha', args)).equals(expected(args))).toBe(true)
    }),
  )
})

it('a long command is written in parts, one argument at least in each', () => {
  const lengths = written('evalsha', Array(1_000).fill('x'.repeat(200))).map((part) => part.length)
  expect(lengths.length).toBeGreaterThan(10)
  expect(Math.max(...lengths)).toBeLessThan(20_000)
  expect(Math.min(...lengths.slice(0, -1))).toBeGreaterThan(10_000)
  expect(written('get', ['x'.repeat(200)])).toHaveLength(1)
})
