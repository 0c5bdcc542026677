// @ts-check
import { median } from '../kit/report.js'
import { expect, startWindow } from '../kit/window.js'

/**
 * @typedef {readonly [name: 'GET' | 'SET', key: string, value?: string]} BenchCommand
 * @typedef {(commands: readonly BenchCommand[]) => Promise<unknown>} Send
 * @typedef {{ ours: Send, own: Send }} Way
 * @typedef {{ ways: Record<string, Way>, close: () => Promise<void> }} BenchPipelines
 * @typedef {(port: number) => Promise<BenchPipelines>} Open
 * @typedef {{ commands: number, turns: number, commandsOfTurn: number }} Task
 */

const KEYS = 1_000
const WARMING_TURNS = 2

/** @param {number} count @returns {BenchCommand[]} */
const commandsOf = (count) =>
  Array.from({ length: count }, (_, at) => {
    const key = `bench:${at % KEYS}`
    return at % 2 === 0 ? ['SET', key, `value of ${at}`] : ['GET', `bench:${(at - 1) % KEYS}`]
  })

/** Ours has results, ioredis pairs of error and value, node-redis values. @param {any} answers */
const valuesOf = (answers) =>
  JSON.stringify(
    answers.map((/** @type {any} */ one) =>
      Array.isArray(one) ? one[1] : one?.ok ? one.value : one,
    ),
  )

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  const { ways, close } = await open(port)
  for (const { ours, own } of Object.values(ways)) {
    const commands = commandsOf(10)
    const [answered, expected] = [await ours(commands), await own(commands)].map(valuesOf)
    expect(answered === expected, `it answers ${answered}, not ${expected}`)
  }
  await close()
}

/** CPU of a turn, a command. @param {Send} send @param {readonly BenchCommand[]} commands @param {number} count */
async function turnUs(send, commands, count) {
  const before = process.cpuUsage()
  for (let sent = 0; sent < count; sent += commands.length) await send(commands)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

/** @param {Open} open @param {number} port @param {Task} task */
export async function measure(open, port, { commands: size, turns, commandsOfTurn }) {
  const { ways, close } = await open(port)
  const commands = commandsOf(size)
  const end = startWindow(port)
  /** @type {Record<string, number>} */
  const values = {}
  for (const [name, { ours, own }] of Object.entries(ways)) {
    /** @type {number[]} */
    const ratios = []
    for (let turn = -WARMING_TURNS; turn < turns; turn++) {
      // By turns also in which is first: what collects garbage pays for the one before.
      const first = turn % 2 === 0
      const one = await turnUs(first ? ours : own, commands, commandsOfTurn)
      const other = await turnUs(first ? own : ours, commands, commandsOfTurn)
      if (turn >= 0) ratios.push(first ? one / other : other / one)
    }
    values[name] = median(ratios)
  }
  const outcome = await end(2 * turns * commandsOfTurn * Object.keys(ways).length)
  await close()
  return { ...outcome, values }
}
