import { ArgumentError } from '../errors.ts'
import type { Reader } from '../options.ts'
import { describe } from '../text.ts'
import {
  concurrency,
  fixedWindow,
  funnel,
  type Rule,
  readRules,
  slidingCounter,
  slidingLog,
  tokenBucket,
} from './rules.ts'

const MAKERS = { concurrency, fixedWindow, funnel, slidingCounter, slidingLog, tokenBucket }

/** Rules that went through JSON, made again: each is checked as its function checks its options. */
export const readRuleTexts: Reader<readonly Rule[]> = (value, argument) => {
  const list = Array.isArray(value) ? value : []
  return readRules(
    list.map((one, index) => ruleOf(one, `${argument}[${index}]`)),
    argument,
  )
}

function ruleOf(value: unknown, argument: string): Rule {
  const { kind, perMs, leaseMs, ...options } = (value ?? {}) as Record<string, unknown>
  if (typeof kind !== 'string' || !Object.hasOwn(MAKERS, kind)) {
    const expected = `a rule of kind ${Object.keys(MAKERS).join(', ')}`
    throw new ArgumentError(`${argument}.kind`, expected, describe(kind))
  }
  if (perMs !== undefined) options.per = perMs
  if (leaseMs !== undefined) options.lease = leaseMs
  return MAKERS[kind as keyof typeof MAKERS](options as never)
}
