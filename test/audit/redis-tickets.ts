// Whose place in line is a ticket: jobs by name, those of keys, and schedules.
import { unescapePart } from '../../src/engine/redis/keys.ts'
import { bodiesOf, differences, fieldOf, type Key, membersOf } from './redis-content.ts'

/** Queue and number of each job or ticket that is somewhere. */
const numbersInPlace = (keys: Key[]) =>
  new Set(
    keys.flatMap(({ name, type, content }) => {
      const match =
        /^queue:(\{[^}]*\}):(ready|tail|segment:.*|suspects|timed:.*|ranked:.*|gate:[^:]*:\d{8}|inflight:.*)$/s.exec(
          name,
        )
      const bodies = match ? bodiesOf(type, String(match[2]), content) : []
      return bodies.map((body) => `${match?.[1]} ${body.slice(0, 16)}`)
    }),
  )

/** A schedule is listed, and has its ticket. */
export function auditSchedules(keys: Key[]): string[] {
  const tickets = numbersInPlace(keys)
  const listed = membersOf(keys, /^queue:(\{[^}]*\}):schedules$/s)
  const there = keys.flatMap(({ name, content }) => {
    const [, queue, schedule] = /^queue:(\{[^}]*\}):schedule:(.+)$/s.exec(name) ?? []
    if (queue === undefined || schedule === undefined) return []
    return [
      {
        name: `${queue} ${unescapePart(schedule)}`,
        ticket: `${queue} ${fieldOf(content, 'ticket')}`,
      },
    ]
  })
  return [
    ...differences(
      listed,
      there.map(({ name }) => name),
      'is listed, and no schedule',
      'is a schedule that is not listed',
    ),
    ...there.flatMap(({ name, ticket }) =>
      tickets.has(ticket) ? [] : [`schedule ${name}: has no ticket ${ticket}`],
    ),
  ]
}

/** The first job of each key has its ticket, and what waits behind it is counted. */
export function auditStrands(keys: Key[]): string[] {
  const tickets = numbersInPlace(keys)
  const behind = new Map<string, number>()
  const findings = keys.flatMap(({ name, content }) => {
    const queue = /^queue:(\{[^}]*\}):strand:.+$/s.exec(name)?.[1]
    if (queue === undefined) return []
    behind.set(queue, (behind.get(queue) ?? 0) + content.length - 1)
    const number = content[0]?.slice(48, 64)
    return tickets.has(`${queue} ${number}`) ? [] : [`${name}: has no ticket ${number}`]
  })
  for (const { name, content } of keys) {
    const queue = /^queue:(\{[^}]*\}):meta$/s.exec(name)?.[1]
    const [said, found] = [Number(fieldOf(content, 'stranded') ?? 0), behind.get(queue ?? '') ?? 0]
    if (queue !== undefined && said !== found) {
      findings.push(`${name}: ${said} behind others of their key, and there are ${found}`)
    }
  }
  return findings
}

/** A record has a TTL exactly when its job has ended, and a job that has not has its ticket. */
export function auditRecords(keys: Key[]): string[] {
  const tickets = numbersInPlace(keys)
  return keys.flatMap(({ name, ttlMs, content }) => {
    const queue = /^queue:(\{[^}]*\}):record:.+$/s.exec(name)?.[1]
    if (queue === undefined) return []
    const hasEnded = /^(done|dead|cancelled)$/.test(fieldOf(content, 'state') ?? '')
    if (hasEnded !== ttlMs >= 0) return [`${name}: ends in ${ttlMs} ms`]
    const ticket = fieldOf(content, 'ticket') ?? fieldOf(content, 'job')
    return hasEnded || tickets.has(`${queue} ${ticket}`) ? [] : [`${name}: has no ticket ${ticket}`]
  })
}
