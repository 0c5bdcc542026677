-- Says how many partitions a queue has; the first to say a number decides, as long as it was not used.
-- KEYS  meta   hash {partitions, and what other scripts keep}
-- ARGV  count  integer  or 0
-- REPLY agreed  count:integer
-- COST  O(1)
-- REPEAT safe
local agreed = tonumber(redis.call('HGET', meta, 'partitions') or 0)
if agreed > 0 then return { 'agreed', agreed } end
if count > 1 and redis.call('EXISTS', meta) == 0 then
  redis.call('HSET', meta, 'partitions', count)
  return { 'agreed', count }
end
return { 'agreed', 1 }
