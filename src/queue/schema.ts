import { ArgumentError, UnrecoverableError } from '../errors.ts'
import type { Reader } from '../options.ts'
import { describe, printable } from '../text.ts'
import { decodePayload } from './payload.ts'

/** One thing that is wrong with a value. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
}

type Checked<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/**
 * Any Standard Schema of version 1 (https://standardschema.dev), such as those of zod, valibot and
 * arktype. `Input` is what may be added, `Output` what handlers get.
 */
export interface Schema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => Checked<Output> | Promise<Checked<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

type TypesOf<S extends Schema> = NonNullable<S['~standard']['types']>
/** What may be added to a queue with this schema. */
export type SchemaInput<S extends Schema> = TypesOf<S>['input']
/** What the handlers of a queue with this schema get. */
export type SchemaOutput<S extends Schema> = TypesOf<S>['output']

export const readSchema: Reader<Schema> = (value, argument) => {
  const isOne = (typeof value === 'object' && value !== null) || typeof value === 'function'
  const standard = isOne ? (value as Partial<Schema>)['~standard'] : undefined
  if (standard?.version === 1 && typeof standard.validate === 'function') return value as Schema
  throw new ArgumentError(argument, 'a Standard Schema of version 1', describe(value))
}

/** Reads a payload for a handler. @throws {UnrecoverableError} when it is not what it must be */
export type ReadPayload = (payload: string) => unknown

/**
 * What is checked is what the handlers of this queue will be given to check: the value after its way
 * through JSON. So what can be added can be delivered.
 */
export function checkNew(
  schema: Schema | undefined,
  payload: string,
  argument: string,
): Promise<void> | undefined {
  if (!schema) return undefined
  const refuse = (issues: readonly SchemaIssue[], value: unknown) => {
    throw new ArgumentError(argument, 'what the schema accepts', describe(value), listed(issues))
  }
  const value = decodePayload(payload)
  const checked = schema['~standard'].validate(value)
  if (!isThenable(checked)) return checked.issues && refuse(checked.issues, value)
  return Promise.resolve(checked).then(({ issues }) => issues && refuse(issues, value))
}

/** The same where nobody can wait. */
export function checkAtOnce(schema: Schema | undefined, payload: string, argument: string): void {
  const check = checkNew(schema, payload, argument)
  if (!check) return
  check.catch(() => {})
  const expected = 'a schema that answers at once, to add within a transaction'
  throw new ArgumentError('queue.schema', expected, 'one that answers with a promise')
}

/** The same for many, of which the first bad one is told. */
export function checkAllNew(
  schema: Schema | undefined,
  jobs: readonly { payload: string }[],
  argument: string,
): Promise<unknown> | undefined {
  if (!schema) return undefined
  const pending: Promise<void>[] = []
  for (const [index, { payload }] of jobs.entries()) {
    const check = checkNew(schema, payload, `${argument}[${index}]`)
    if (!check) continue
    pending.push(check)
    // A later one may be refused at once: nobody waits for this one then.
    check.catch(() => {})
  }
  return pending.length > 0 ? Promise.all(pending) : undefined
}

export function payloadReader(schema: Schema | undefined): ReadPayload {
  if (!schema) return readJson
  return (payload) => {
    const checked = schema['~standard'].validate(readJson(payload))
    return isThenable(checked) ? Promise.resolve(checked).then(accepted) : accepted(checked)
  }
}

function readJson(payload: string): unknown {
  try {
    return decodePayload(payload)
  } catch {
    throw new UnrecoverableError('the payload is not JSON: something else than sluice wrote it')
  }
}

function accepted(checked: Checked<unknown>): unknown {
  if (!checked.issues) return checked.value
  throw new UnrecoverableError(`the payload does not fit the schema: ${listed(checked.issues)}`)
}

const MOST_ISSUES = 10
const LONGEST_ISSUE = 200

/** `at user.tags[0]: Expected text; at age: …` */
function listed(issues: readonly SchemaIssue[]): string {
  const shown = issues.slice(0, MOST_ISSUES).map(({ message, path = [] }) => {
    const place = path.length === 0 ? '' : `at ${placeOf(path)}: `
    return printable(`${place}${message}`.slice(0, LONGEST_ISSUE))
  })
  const left = issues.length - shown.length
  return `${shown.join('; ')}${left > 0 ? `; and ${left} more` : ''}`
}

function placeOf(path: NonNullable<SchemaIssue['path']>): string {
  const keys = path.map((step) => (typeof step === 'object' ? step.key : step))
  return keys
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '')
}

const isThenable = (value: unknown): value is PromiseLike<unknown> & object =>
  typeof (value as PromiseLike<unknown> | null)?.then === 'function'
