import type { RedisEngine } from '../../engine/redis/engine.ts'
import { redisNews } from '../../gate/redis/news.ts'
import { type LatchRequest, type LatchStore, latchMismatch } from '../latch-store.ts'
import * as scripts from './scripts.gen.ts'

/** Latches on Redis. The keys are described in `latch.lua` and `watchers.lua`. */
export function redisLatchStore(engine: RedisEngine): LatchStore {
  const news = redisNews(engine, 'latch')

  const stateOf = (name: string) => ({
    latch: engine.keys.key('latch', name),
    arrived: engine.keys.key('latch', name, 'arrived'),
  })
  const keysOf = (name: string) => ({
    ...stateOf(name),
    watchers: engine.keys.key('latch', name, 'watchers'),
  })
  const argsOf = ({ count, keepMs }: LatchRequest) => ({
    count,
    keepUs: Math.round(keepMs * 1000),
  })

  return {
    async arrive(request) {
      const { name, count, id } = request
      const args = { ...argsOf(request), name, id }
      const answer = await engine.call(scripts.latchArrive, keysOf(name), args)
      if (answer.tag === 'mismatch') throw latchMismatch(name, answer.agreed, count)
      if (answer.left === 0) news.tell(name)
      return answer.left
    },

    async watch(request) {
      const { name, count } = request
      engine.inbox.start()
      const answer = await engine.call(scripts.latchWatch, keysOf(name), argsOf(request))
      if (answer.tag === 'mismatch') throw latchMismatch(name, answer.agreed, count)
      if (answer.tag === 'shut') return { count, left: answer.left, openedAtMs: null }
      return { count, left: 0, openedAtMs: answer.openedUs / 1000 }
    },

    async inspect(name) {
      const view = await engine.call(scripts.latchInspect, stateOf(name), {})
      if (view.tag === 'unknown') return null
      const { count, left, openedUs } = view
      return { count, left, openedAtMs: openedUs > 0 ? openedUs / 1000 : null }
    },

    onNews: (name, listener) => news.on(name, listener),
  }
}
