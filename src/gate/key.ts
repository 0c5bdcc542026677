import { createHash } from 'node:crypto'

/** Longest key of a gate, in UTF-16 code units. */
export const LONGEST_KEY = 300
const KEPT = LONGEST_KEY - '#'.length - 64
const HALF_A_CHARACTER = /[\ud800-\udbff]$/

/** The key of a gate. What would be longer ends with its hash, and is the only one of full length. */
export function gateKey(kind: string, name: string): string {
  const key = `${kind}:${name}`
  if (key.length < LONGEST_KEY) return key
  const hash = createHash('sha256').update(key).digest('hex')
  return `${key.slice(0, KEPT).replace(HALF_A_CHARACTER, '_')}#${hash}`
}

/** A part of a name, so that what follows after a `:` is nothing of it. */
export const escapePart = (part: string) => part.replaceAll('%', '%25').replaceAll(':', '%3A')
