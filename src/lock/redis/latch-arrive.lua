-- Counts an arrival, and opens the latch if it is the last one.
-- KEYS  latch     hash, see latch.lua
-- KEYS  arrived   set of ids
-- KEYS  watchers  zset client -> deadline_us
-- ARGV  name     string
-- ARGV  count    integer
-- ARGV  keep_us  integer
-- ARGV  id       string
-- REPLY counted  left:integer
-- REPLY mismatch agreed:integer
-- COST  O(1); O(watchers), at most 1,000, and O(count) for the last arrival
-- REPEAT safe  an id counts once
-- USE   clock facts lock/watchers lock/latch
redis.call('ZCARD', watchers)
local agreed, opened_us, ttl_ms = latch_use(latch, arrived, count, keep_us)
if not opened_us then return { 'mismatch', agreed } end
if opened_us > 0 then return { 'counted', 0 } end
redis.call('SADD', arrived, id)
redis.call('PEXPIRE', arrived, ttl_ms)
local left = count - redis.call('SCARD', arrived)
if left > 0 then return { 'counted', left } end
redis.call('HSET', latch, 'opened_us', string.format('%.0f', now_us))
redis.call('DEL', arrived)
tell_watchers(watchers, 'latch ' .. name)
redis.call('DEL', watchers)
return { 'counted', 0 }
