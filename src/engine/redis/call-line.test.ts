import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Call, CallLine } from './call-line.ts'

const newCall = (deadlineMs: number): Call => ({
  ...{ command: 'GET', args: [], deadlineMs, sent: true, asking: false, settled: false },
  resolve() {},
  reject() {},
})

it('knows its open calls and the oldest of them, in whatever order they are settled', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(4_000), { maxLength: 6_000 }), (steps) => {
      const line = new CallLine()
      const open: Call[] = []
      for (const step of steps) {
        if (step % 3 !== 0 || open.length === 0) {
          const call = newCall(step)
          line.add(call)
          open.push(call)
        } else {
          const [call] = open.splice(step % 9 === 0 ? step % open.length : 0, 1)
          if (call) expect(line.settle(call)).toBe(true)
          if (call) expect(line.settle(call)).toBe(false)
        }
        if (line.oldest !== open[0] || line.size !== open.length) throw new Error('lost count')
      }
      expect(line.list()).toEqual(open)
    }),
    { numRuns: 30 },
  )
})
