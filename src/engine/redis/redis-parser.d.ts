/** What we use of it: the package has no types. */
declare module 'redis-parser' {
  // biome-ignore lint/style/noDefaultExport: so it is exported there
  export default class RedisParser {
    constructor(options: {
      returnReply(reply: unknown): void
      returnError(error: Error): void
      /** What came is not the protocol of Redis. */
      returnFatalError(error: Error): void
    })
    execute(chunk: Buffer): void
  }
}
