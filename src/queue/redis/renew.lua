-- Renews the lease of an epoch for its process, which cannot call now.
-- KEYS  leases    zset epoch -> deadline_us
-- ARGV  epoch     string
-- ARGV  lease_us  integer
-- REPLY renewed
-- REPLY lost
-- COST  O(1)
-- REPEAT safe  a lease that is gone stays so
-- USE   clock
if not redis.call('ZSCORE', leases, epoch) then return { 'lost' } end
-- A full server refuses a script whose first write may need memory.
redis.call('ZREM', leases, '')
redis.call('ZADD', leases, now_us + lease_us, epoch)
return { 'renewed' }
