-- Counts the jobs of a queue by where they are.
-- KEYS  ready     list
-- KEYS  suspects  list
-- KEYS  timers    zset
-- KEYS  leases    zset epoch -> deadline_us
-- KEYS  dead      list
-- REPLY counted  ready:integer timed:integer dead:integer epochs:strings
-- COST  O(workers), at most 1000
-- REPEAT safe
local epochs = redis.call('ZRANGE', leases, 0, 999)
local waiting = redis.call('LLEN', ready) + redis.call('LLEN', suspects)
return { 'counted', waiting, redis.call('ZCARD', timers), redis.call('LLEN', dead), epochs }
