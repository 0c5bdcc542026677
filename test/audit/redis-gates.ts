// What lies behind gates: jobs in the order of their heads, counted, and each gate with a look.
import { unescapePart } from '../../src/engine/redis/keys.ts'
import { differences, evenOf, fieldOf, type Key, membersOf } from './redis-content.ts'

/** Every gate has a look, and every look a gate. Its heads are the first jobs of its buckets. */
export function auditGates(keys: Key[]): string[] {
  const looks = membersOf(keys, /^queue:(\{[^}]*\}):timed:gates-\d\d$/s)
  const gates = keys.flatMap(({ name }) => {
    const [, queue, gate = ''] = /^queue:(\{[^}]*\}):gate:([^:]+)$/s.exec(name) ?? []
    return queue === undefined ? [] : [{ name, look: `${queue} ${unescapePart(gate)}` }]
  })
  return [
    ...differences(
      looks,
      gates.map(({ look }) => look),
      'is looked at, and no gate',
      'is a gate without a look',
    ),
    ...auditHeads(keys),
    ...auditTurns(keys),
    ...gates.flatMap(({ name }) => auditGate(keys, name)),
  ]
}

/** They go with their gate. */
const auditTurns = (keys: Key[]): string[] =>
  keys
    .filter(({ name }) => /^queue:.*:gate:[^:]+:turns$/s.test(name))
    .filter(({ name }) => !keys.some((key) => `${key.name}:turns` === name))
    .map(({ name }) => `${name}: turns of no gate`)

function auditGate(keys: Key[], name: string): string[] {
  const own = keys.find((key) => key.name === name)?.content ?? []
  const said = Number(fieldOf(own, 'parked')?.split(' ').at(-1))
  const there = keys
    .filter((key) => key.name.startsWith(`${name}:`) && /:\d{8}$/.test(key.name))
    .reduce((sum, { content }) => sum + content.length / 2, 0)
  return said === there ? [] : [`${name}: says ${said}, and there are ${there}`]
}

function auditHeads(keys: Key[]): string[] {
  const pairs = (list: string[]) => evenOf(list).map((one, at) => [one, list[at * 2 + 1]] as const)
  const listed = keys.flatMap(({ name, content }) => {
    const gate = /^(queue:.*:gate:[^:]+):heads$/s.exec(name)?.[1]
    return gate === undefined
      ? []
      : pairs(content).map(([head, rank]) => {
          return `${gate}:${head.slice(32, 40)} ${rank} ${head.slice(0, 32)} ${head.slice(40)}`
        })
  })
  const there = keys.flatMap(({ name, content: [entry = '', rank] }) => {
    if (!/^queue:.*:gate:[^:]+:\d{8}$/s.test(name)) return []
    const length = Number(entry.slice(-2))
    return [`${name} ${rank} ${entry.slice(0, 32)} ${entry.slice(-34).slice(0, length)}`]
  })
  return differences(listed, there, 'is a head of nothing', 'is a first job without a head')
}
