-- Removes the oldest dead letters.
-- KEYS  dead   list
-- ARGV  limit  integer
-- REPLY purged  count:integer
-- COST  O(limit), at most 100
-- REPEAT unsafe
local count = math.min(limit, redis.call('LLEN', dead))
redis.call('LTRIM', dead, count, -1)
return { 'purged', count }
