// Every kind of key that Sluice writes on Redis: its type, and how long it may live.

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const DAY_MS = 24 * 60 * MINUTE_MS

/** A name, as keys carry it: nothing in it divides a key. */
const NAME = '\\{[^{}:*?[\\]\\\\]+\\}'
/** What one owner holds: an election is a lock under another name. */
const LOCK = '(?:lock|election)'
/** What has permits: a read-write lock is a semaphore under another name. */
const PERMITS = '(?:semaphore|readwrite)'
/** A limiter's key, where a tag is in the braces. */
const TAGGED = '(?::[^{}:]+/[^{}:]+)?'
/** The second rule of a kind, the third, the fourth. */
const PLACE = '(?::[2-4])?'

interface KnownKey {
  what: string
  pattern: RegExp
  /** Or several, between them ` or `. */
  type: string
  /** The longest TTL it may have, and it must have one; `none` if it must not; `while it lives` if it may. */
  ttl: number | 'none' | 'while it lives'
}

const known = (what: string, pattern: string, type: string, ttl: KnownKey['ttl']): KnownKey => ({
  what,
  pattern: new RegExp(`^${pattern}$`, 's'),
  type,
  ttl,
})

/**
 * Every kind of key that Sluice writes. A lock that somebody waited for keeps its fence for a day
 * after the last lease; of all others there is one fence, or one for each slot of a cluster.
 */
export const KNOWN_KEYS: readonly KnownKey[] = [
  known('lock', `${LOCK}:${NAME}`, 'string', 2 * DAY_MS),
  known('fence of many locks', 'fence:\\{[0-9a-z]*\\}', 'string', 2 * DAY_MS),
  known('line of a lock', `${LOCK}:${NAME}:line`, 'zset', MINUTE_MS),
  known('waiters of a lock', `${LOCK}:${NAME}:waiters`, 'hash', MINUTE_MS),
  known('tombstone of an owner', `${LOCK}:${NAME}:gone:.+`, 'string', 30 * SECOND_MS),
  known('watchers', `(?:election|latch):${NAME}:watchers`, 'zset', MINUTE_MS),
  known('latch', `latch:${NAME}`, 'hash', 30 * DAY_MS),
  known('arrivals at a latch', `latch:${NAME}:arrived`, 'set', 30 * DAY_MS),
  known('semaphore', `${PERMITS}:${NAME}`, 'hash', 2 * DAY_MS),
  known('holders of a semaphore', `${PERMITS}:${NAME}:holders`, 'zset', DAY_MS + MINUTE_MS),
  known('holds of a semaphore', `${PERMITS}:${NAME}:held`, 'hash', DAY_MS + MINUTE_MS),
  known('line of a semaphore', `${PERMITS}:${NAME}:line`, 'zset', MINUTE_MS),
  known('waiters of a semaphore', `${PERMITS}:${NAME}:waiters`, 'hash', MINUTE_MS),
  known('tombstone of an owner', `${PERMITS}:${NAME}:gone:.+`, 'string', 30 * SECOND_MS),
  known('meta of a queue', `queue:${NAME}:meta`, 'hash', 'none'),
  known('ready jobs', `queue:${NAME}:ready`, 'list', 'none'),
  known('ready jobs that came later', `queue:${NAME}:tail`, 'list', 'none'),
  known('ready jobs in between', `queue:${NAME}:segment:\\d+`, 'list', 'none'),
  known('suspects', `queue:${NAME}:suspects`, 'list', 'none'),
  known('buckets of timed jobs', `queue:${NAME}:buckets`, 'zset', 'none'),
  known('timed jobs', `queue:${NAME}:timed:\\d{8}`, 'zset', 'none'),
  known('tickets of schedules', `queue:${NAME}:timed:schedules`, 'zset', 'none'),
  known('looks at gates', `queue:${NAME}:timed:gates-\\d\\d`, 'zset', 'none'),
  known('gate of parked jobs', `queue:${NAME}:gate:[^:]+`, 'hash', 'none'),
  known('first parked jobs', `queue:${NAME}:gate:[^:]+:heads`, 'zset', 'none'),
  known('turns at a gate', `queue:${NAME}:gate:[^:]+:turns`, 'zset', 'none'),
  known('parked jobs', `queue:${NAME}:gate:[^:]+:\\d{8}`, 'zset', 'none'),
  known('last answer about gates', `queue:${NAME}:unparked:[\\w-]+`, 'string', 10 * MINUTE_MS),
  known('names of schedules', `queue:${NAME}:schedules`, 'zset', 'none'),
  known('schedule', `queue:${NAME}:schedule:.+`, 'hash', 'none'),
  known('buckets of ranked jobs', `queue:${NAME}:ranks`, 'zset', 'none'),
  known('ranked jobs', `queue:${NAME}:ranked:\\d{8}`, 'zset', 'none'),
  known('leases', `queue:${NAME}:leases`, 'zset', 'none'),
  known('jobs in flight', `queue:${NAME}:inflight:[\\w-]+`, 'hash', 'none'),
  known('last answer of an epoch', `queue:${NAME}:last:[\\w-]+`, 'string', 10 * MINUTE_MS),
  known('last batch of a producer', `queue:${NAME}:producer:.+`, 'string', 10 * MINUTE_MS),
  known('wake-up token', `queue:${NAME}:wake`, 'zset', 'none'),
  known('record of a job', `queue:${NAME}:record:.+`, 'hash', 'while it lives'),
  known('lines of a job', `queue:${NAME}:log:.+`, 'list', 'while it lives'),
  known('jobs of one key', `queue:${NAME}:strand:.+`, 'list', 'none'),
  known('events of a queue', `queue:${NAME}:events`, 'stream', 7 * DAY_MS),
  known('readers of events', `queue:${NAME}:watchers`, 'zset', MINUTE_MS),
  known('jobs that are done', `queue:${NAME}:done`, 'list', 30 * DAY_MS),
  known('dead letters', `queue:${NAME}:dead`, 'list', 'none'),
  known('funnel', `limit:${NAME}${TAGGED}:funnel${PLACE}`, 'string', 366 * DAY_MS),
  known('sliding log', `limit:${NAME}${TAGGED}:log${PLACE}`, 'zset or list', 366 * DAY_MS),
  known('bucket', `limit:${NAME}${TAGGED}:bucket${PLACE}`, 'string', 366 * DAY_MS),
  known('counter', `limit:${NAME}${TAGGED}:counter${PLACE}`, 'string', 366 * DAY_MS),
  known('leases of a limit', `limit:${NAME}${TAGGED}:leases${PLACE}`, 'zset', DAY_MS + MINUTE_MS),
  known('answer to a request', `limit:${NAME}${TAGGED}:request:.+`, 'string', 6 * MINUTE_MS),
  known('poke of a client', `poke:${NAME}:.+`, 'zset', MINUTE_MS),
  known('identity of the store', 'store:\\{identity\\}', 'string', 30 * DAY_MS),
  known('mark of a client', 'store:\\{identity\\}:.+', 'string', 60 * MINUTE_MS),
]
