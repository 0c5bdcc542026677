import { ArgumentError } from '../../errors.ts'
import { describe } from '../../text.ts'

/** The reply of a script that has done what it should, and in Lua what EXEC answers then. */
export interface Told {
  tag: string
  answer: string
}

/** A MULTI of ioredis or iovalkey. Not in its types: how often MULTI was said, and EXEC was not. */
interface IoredisMulti {
  readonly isPipeline: true
  readonly options?: { readonly keyPrefix?: string }
  readonly _transactions?: number
  eval(body: string, keyCount: number, ...words: string[]): unknown
}

/** A MULTI of node-redis, of a client or a cluster. */
interface NodeRedisMulti {
  eval(body: string, options: { keys: string[]; arguments: string[] }): unknown
}

/** What the callback of `transaction` of `sluice/redis` gets. */
interface OwnTransaction {
  queue(...command: string[]): unknown
}

const EXPECTED = 'a MULTI of ioredis or node-redis, or what transaction() gives its callback'

/**
 * Queues a script in a transaction of the user's own. Libraries are told apart by shape. The text
 * of the script goes with it: a server that does not know its hash would leave it out, and apply
 * the rest.
 * @param argument names the transaction in errors
 * @param told by which reply the script has done what it should: every other fails in EXEC
 * @throws {ArgumentError}
 */
export function queueScript(
  transaction: unknown,
  argument: string,
  script: { readonly body: string },
  { keys, args }: { keys: string[]; args: string[] },
  told: Told,
): void {
  const body = failingBody(script.body, told)
  if (isIoredisMulti(transaction)) {
    refuseUnfit(transaction, argument)
    transaction.eval(body, keys.length, ...keys, ...args)
  } else if (isNodeRedisMulti(transaction)) {
    transaction.eval(body, { keys, arguments: args })
  } else if (isOwnTransaction(transaction)) {
    transaction.queue('EVAL', body, String(keys.length), ...keys, ...args)
  } else {
    throw new ArgumentError(argument, EXPECTED, describe(transaction))
  }
}

function refuseUnfit({ _transactions, options }: IoredisMulti, argument: string): void {
  if (_transactions === 0) {
    throw new ArgumentError(argument, EXPECTED, 'a pipeline without MULTI', 'Begin with multi().')
  }
  if (!options?.keyPrefix) return
  const expected = 'a MULTI of a client without keyPrefix'
  const hint = 'It would put the job where no worker looks.'
  throw new ArgumentError(argument, expected, describe(options.keyPrefix), hint)
}

/**
 * A script answers for each of its items, failures among them. In a MULTI of the user's only an error
 * is seen as one.
 */
const failingBody = (body: string, { tag, answer }: Told): string => `local function all()
${body}
end
local reply = all()[2]
if reply[1] == '${tag}' then return ${answer} end
return redis.error_reply('SLUICE not done: ' .. table.concat(reply, ' '))`

const hasMethods = (value: unknown, ...names: string[]): value is object =>
  typeof value === 'object' &&
  value !== null &&
  names.every((name) => typeof Reflect.get(value, name) === 'function')

const isIoredisMulti = (value: unknown): value is IoredisMulti =>
  hasMethods(value, 'eval', 'exec') && Reflect.get(value, 'isPipeline') === true

const isNodeRedisMulti = (value: unknown): value is NodeRedisMulti =>
  hasMethods(value, 'eval', 'exec', 'addCommand', 'execAsPipeline')

const isOwnTransaction = (value: unknown): value is OwnTransaction =>
  hasMethods(value, 'read', 'queue', 'discard')
