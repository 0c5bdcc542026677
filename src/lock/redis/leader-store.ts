import type { RedisEngine } from '../../engine/redis/engine.ts'
import { redisNews } from '../../gate/redis/news.ts'
import type { LeaderStore } from '../leader-store.ts'
import * as scripts from './scripts.gen.ts'

/** Who leads on Redis: the locks of kind `election`, and a set of those who watch each. */
export function redisLeaderStore(engine: RedisEngine): LeaderStore {
  const news = redisNews(engine, 'election-news')
  const watchersOf = (name: string) => engine.keys.key('election', name, 'watchers')

  return {
    async watch(name) {
      engine.inbox.start()
      const keys = { lock: engine.keys.key('election', name), watchers: watchersOf(name) }
      const answer = await engine.call(scripts.leaderWatch, keys, {})
      if (answer.tag === 'nobody') return null
      const { owner, sinceUs, remainingUs, fence, metadata } = answer
      return { owner, sinceMs: sinceUs / 1000, remainingMs: remainingUs / 1000, fence, metadata }
    },

    async announce(name) {
      await engine.call(scripts.announce, { watchers: watchersOf(name) }, { name })
    },

    onNews: (name, listener) => news.on(name, listener),
  }
}
