import { ArgumentError } from './errors.ts'
import { describe } from './text.ts'

type Unit = 'ms' | 's' | 'm' | 'h' | 'd'
type Part = `${number}${Unit}`

/**
 * A number of milliseconds, or text such as `'250ms'`, `'30s'`, `'10m'`, `'1h30m'`, `'2d'`.
 * Text always names its unit: `'1000'` is not a duration.
 */
export type Duration = number | Part | `${Part}${Part}` | `${Part}${Part}${Part}`

const UNIT_MS: Record<Unit, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const SHAPE = /^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/
const PARTS = /(\d+(?:\.\d+)?)(ms|[smhd])/g

/** Bounds of a duration, both inclusive, in milliseconds. */
export interface DurationBounds {
  minMs: number
  maxMs: number
}

/** The longest duration that anything accepts: ten years. */
export const LONGEST_MS = 10 * 365 * UNIT_MS.d

/**
 * Reads a {@link Duration} as milliseconds.
 * @throws {ArgumentError} naming `argument` when it is none, or is out of bounds.
 */
export function readDuration(value: unknown, argument: string, bounds: DurationBounds): number {
  const ms =
    typeof value === 'number' ? value : typeof value === 'string' ? fromText(value) : Number.NaN
  if (Number.isFinite(ms) && ms >= bounds.minMs && ms <= bounds.maxMs) return ms
  throw new ArgumentError(
    argument,
    `a duration from ${formatMs(bounds.minMs)} to ${formatMs(bounds.maxMs)}: milliseconds, or text like '30s' or '1h30m'`,
    describe(value),
  )
}

function fromText(text: string): number {
  if (text.length > 64 || !SHAPE.test(text)) return Number.NaN
  let ms = 0
  for (const [, amount, unit] of text.matchAll(PARTS)) ms += Number(amount) * UNIT_MS[unit as Unit]
  return ms
}

/** Milliseconds as the shortest exact text, for messages: `1500` is `1.5s`. */
export function formatMs(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const amount = ms / UNIT_MS[unit]
    if (amount >= 1 && Number.isInteger(amount * 10)) return `${amount}${unit}`
  }
  return `${ms}ms`
}

/** As stores count time. */
export const toUs = (ms: number): number => Math.round(ms * 1000)
