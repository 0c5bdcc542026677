// What each command answers, as text, numbers and arrays: as RESP2 has it, HGETALL as an object.

type Text = string | null
type Ok = 'OK'

interface Replies {
  APPEND: number
  BITCOUNT: number
  COPY: number
  DBSIZE: number
  DECR: number
  DECRBY: number
  DEL: number
  ECHO: string
  EXISTS: number
  EXPIRE: number
  EXPIREAT: number
  EXPIRETIME: number
  FLUSHALL: Ok
  FLUSHDB: Ok
  GEOADD: number
  GET: Text
  GETBIT: number
  GETDEL: Text
  GETEX: Text
  GETRANGE: string
  GETSET: Text
  HDEL: number
  HEXISTS: number
  HGET: Text
  HGETALL: Record<string, string>
  HINCRBY: number
  HINCRBYFLOAT: string
  HKEYS: string[]
  HLEN: number
  HMGET: Text[]
  HMSET: Ok
  HSET: number
  HSETNX: number
  HSTRLEN: number
  HVALS: string[]
  INCR: number
  INCRBY: number
  INCRBYFLOAT: string
  KEYS: string[]
  LINDEX: Text
  LINSERT: number
  LLEN: number
  LMOVE: Text
  LPOP: string | string[] | null
  LPUSH: number
  LPUSHX: number
  LRANGE: string[]
  LREM: number
  LSET: Ok
  LTRIM: Ok
  MGET: Text[]
  MSET: Ok
  MSETNX: number
  PERSIST: number
  PEXPIRE: number
  PEXPIREAT: number
  PEXPIRETIME: number
  PFADD: number
  PFCOUNT: number
  PFMERGE: Ok
  PING: string
  PSETEX: Ok
  PTTL: number
  PUBLISH: number
  RENAME: Ok
  RENAMENX: number
  RPOP: string | string[] | null
  RPOPLPUSH: Text
  RPUSH: number
  RPUSHX: number
  SADD: number
  SCARD: number
  SDIFF: string[]
  SDIFFSTORE: number
  /** Null if NX or XX did not hold; the old value with GET. */
  SET: Text
  SETBIT: number
  SETEX: Ok
  SETNX: number
  SETRANGE: number
  SINTER: string[]
  SINTERSTORE: number
  SISMEMBER: number
  SMEMBERS: string[]
  SMISMEMBER: number[]
  SMOVE: number
  SPOP: string | string[] | null
  SRANDMEMBER: string | string[] | null
  SREM: number
  STRLEN: number
  SUNION: string[]
  SUNIONSTORE: number
  TIME: [seconds: string, microseconds: string]
  TOUCH: number
  TTL: number
  TYPE: string
  UNLINK: number
  XACK: number
  XADD: Text
  XDEL: number
  XLEN: number
  XTRIM: number
  /** The new score as text with INCR. */
  ZADD: number | Text
  ZCARD: number
  ZCOUNT: number
  ZINCRBY: string
  ZMSCORE: Text[]
  ZRANGE: string[]
  ZRANGEBYSCORE: string[]
  ZRANK: number | null
  ZREM: number
  ZREMRANGEBYRANK: number
  ZREMRANGEBYSCORE: number
  ZREVRANGE: string[]
  ZREVRANK: number | null
  ZSCORE: Text
}

/** What a command of this name answers; `unknown` for one whose answer has no one type. */
export type ReplyOf<Name extends string> =
  Uppercase<Name> extends keyof Replies ? Replies[Uppercase<Name>] : unknown
