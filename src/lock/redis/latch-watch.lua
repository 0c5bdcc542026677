-- Looks at a latch, keeps it, and has this client told when it opens.
-- KEYS  latch     hash, see latch.lua
-- KEYS  arrived   set of ids
-- KEYS  watchers  zset client -> deadline_us
-- ARGV  count    integer
-- ARGV  keep_us  integer
-- REPLY shut     left:integer
-- REPLY open     opened_us:integer
-- REPLY mismatch agreed:integer
-- COST  O(log watchers)
-- REPEAT safe
-- USE   clock facts lock/watchers lock/latch
redis.call('ZCARD', watchers)
local agreed, opened_us = latch_use(latch, arrived, count, keep_us)
if not opened_us then return { 'mismatch', agreed } end
if opened_us > 0 then return { 'open', opened_us } end
watch(watchers)
return { 'shut', count - redis.call('SCARD', arrived) }
