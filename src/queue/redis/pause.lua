-- Stops claims of a queue, or lets them go on: then one consumer is woken.
-- KEYS  meta  hash
-- KEYS  wake  zset, one token while a claim may succeed
-- ARGV  is_paused  integer
-- REPLY done
-- COST  O(1)
-- REPEAT safe
redis.call('ZCARD', wake)
if is_paused == 1 then
  redis.call('HSET', meta, 'paused', 1)
  redis.call('ZREM', wake, 'wake')
elseif redis.call('HDEL', meta, 'paused') == 1 then
  redis.call('ZADD', wake, 0, 'wake')
end
return { 'done' }
