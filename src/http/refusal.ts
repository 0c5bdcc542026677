import { formatMs } from '../duration.ts'
import type { Field } from './fields.ts'
import { policyName } from './fields.ts'
import type { Judgement } from './policies.ts'

/** A response that ends a request: problem details (RFC 9457), which no cache may keep. */
export interface Refusal {
  readonly status: 403 | 429 | 503
  readonly fields: readonly Field[]
  readonly body: string
}

/** Problem types of draft-ietf-httpapi-ratelimit-headers-11, section 5 and 10.2. */
const PROBLEM_TYPES = 'https://iana.org/assignments/http-problem-types'

/** More was asked than the policies allow. */
export const quotaExceeded = (judgements: readonly Judgement[], fields: readonly Field[]) =>
  refusal(429, fields, {
    type: `${PROBLEM_TYPES}#quota-exceeded`,
    title: 'Quota Exceeded',
    status: 429,
    detail: violated(judgements).map(explain).join(' '),
    'violated-policies': namesOf(judgements),
  })

/** The engine could not be asked, and the limiter refuses meanwhile: not the client's doing. */
export const reducedCapacity = (judgements: readonly Judgement[], fields: readonly Field[]) =>
  refusal(503, fields, {
    type: `${PROBLEM_TYPES}#temporary-reduced-capacity`,
    title: 'Temporary Reduced Capacity',
    status: 503,
    'violated-policies': namesOf(judgements),
  })

/** On the deny list. */
export const forbidden: Refusal = refusal(403, [], {
  type: 'about:blank',
  title: 'Forbidden',
  status: 403,
})

function refusal(status: Refusal['status'], fields: readonly Field[], problem: object): Refusal {
  return {
    status,
    fields: [
      ...fields,
      ['Content-Type', 'application/problem+json'],
      ['Cache-Control', 'no-store'],
    ],
    body: JSON.stringify(problem),
  }
}

const violated = (judgements: readonly Judgement[]) =>
  judgements.filter(({ verdict }) => !verdict.allowed)

const namesOf = (judgements: readonly Judgement[]) =>
  violated(judgements).map(({ policy }) => policyName(policy.name))

function explain({ policy, verdict }: Judgement): string {
  const name = JSON.stringify(policyName(policy.name))
  return verdict.retryAfterMs === null
    ? `The request costs more than ${name} ever allows.`
    : `${name} allows ${policy.quota} per ${formatMs(Math.ceil(policy.windowMs))}.`
}
