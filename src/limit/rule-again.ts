import { ArgumentError } from '../errors.ts'
import { describe } from '../text.ts'
import {
  concurrency,
  fixedWindow,
  funnel,
  type Rule,
  slidingCounter,
  slidingLog,
  tokenBucket,
} from './rules.ts'

/** A rule from what its JSON became. @throws {ArgumentError} for what was none */
export function ruleAgain(copy: Rule): Rule {
  switch (copy.kind) {
    case 'slidingLog':
      return slidingLog({ limit: copy.limit, per: copy.perMs })
    case 'funnel':
      return funnel({ capacity: copy.capacity, leak: copy.leak, per: copy.perMs })
    case 'fixedWindow':
      return fixedWindow({ limit: copy.limit, per: copy.perMs })
    case 'slidingCounter':
      return slidingCounter({ limit: copy.limit, per: copy.perMs, strict: copy.strict })
    case 'tokenBucket': {
      const { capacity, refill, perMs, mode } = copy
      return tokenBucket({ capacity, refill, per: perMs, mode })
    }
    case 'concurrency':
      return concurrency({ limit: copy.limit, lease: copy.leaseMs })
    default:
      throw new ArgumentError('limiter.rule', 'the copy of a rule', describe(copy))
  }
}
