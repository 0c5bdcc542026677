// What an audit of Redis reads: keys with all that they hold.

/** A key under the prefix. */
export interface Key {
  /** Without the prefix. */
  name: string
  type: string
  ttlMs: number
  /** Members, fields and values, or the text of a string. */
  content: string[]
}

export const fieldOf = (content: string[], field: string) =>
  content.find((_, index) => index % 2 === 1 && content[index - 1] === field)

export function bodiesOf(type: string, part: string, content: string[]): string[] {
  // In front of the body of a parked job stands its round, behind it what it asks of its gate.
  if (part.startsWith('gate:')) return evenOf(content).map((entry) => entry.slice(16, -34))
  if (type === 'zset') return evenOf(content)
  if (type === 'hash') {
    return content.filter((_, index) => index % 2 === 1 && content[index - 1] !== 'suspect')
  }
  if (part !== 'dead') return content
  return content.map((letter) => {
    const bytes = Buffer.from(letter)
    return bytes.toString('utf8', 20 + Number(letter.slice(16, 20)))
  })
}

export const evenOf = (list: string[]) => list.filter((_, index) => index % 2 === 0)

export function membersOf(keys: Key[], pattern: RegExp): string[] {
  return keys.flatMap(({ name, content }) => {
    const match = pattern.exec(name)
    return match ? evenOf(content).map((member) => `${match[1]} ${member}`) : []
  })
}

export function differences(
  these: string[],
  those: string[],
  onlyThese: string,
  onlyThose: string,
) {
  return [
    ...these.filter((one) => !those.includes(one)).map((one) => `${one} ${onlyThese}`),
    ...those.filter((one) => !these.includes(one)).map((one) => `${one} ${onlyThose}`),
  ]
}
