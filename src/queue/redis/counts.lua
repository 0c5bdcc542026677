-- Counts the jobs of a queue by where they are.
-- KEYS  meta      hash
-- KEYS  ready     list
-- KEYS  tail      list
-- KEYS  suspects  list
-- KEYS  leases    zset epoch -> deadline_us
-- KEYS  dead      list
-- KEYS  scheduled zset, the tickets of schedules: they are no jobs yet
-- REPLY counted  ready:integer timed:integer dead:integer epochs:strings paused:integer
-- COST  O(workers), at most 1000
-- REPEAT safe
-- USE   queue/line queue/buckets
local kept = redis.call('HMGET', meta, 'first_segment', 'next_segment', 'in_segments', 'filled', 'bytes',
  'timed', 'ranked', 'paused', 'stranded')
local timed, ranked = read_fill('timed', kept[6]).count, read_fill('ranked', kept[7]).count
timed = math.max(0, timed - redis.call('ZCARD', scheduled))
local waiting = waiting_in(read_line(kept, ready, tail)) + ranked + redis.call('LLEN', suspects)
  + tonumber(kept[9] or 0)
local epochs = redis.call('ZRANGE', leases, 0, 999)
return { 'counted', waiting, timed, redis.call('LLEN', dead), epochs, kept[8] and 1 or 0 }
