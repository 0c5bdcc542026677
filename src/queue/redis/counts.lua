-- Counts the jobs of a queue by where they are, all in one moment.
-- KEYLIST keys  meta, ready, tail, suspects, leases, dead; the bucket of schedules, whose tickets are no jobs yet; then inflight of each epoch
-- ARGV  epochs  list  epoch:string  those that the caller knows of
-- REPLY counted  ready:integer timed:integer in_flight:integer dead:integer paused:integer parked:integer holding:strings  epochs that hold jobs, where the caller did not know of some
-- COST  O(workers), at most 1000
-- REPEAT safe
-- USE   queue/line queue/buckets
local meta, ready, tail, suspects, leases, dead, scheduled = unpack(keys)
local FIRST_INFLIGHT = 8
local holding, is_known, knows_all = redis.call('ZRANGE', leases, 0, 999), {}, true
for _, epoch in ipairs(epochs) do is_known[epoch] = true end
for _, epoch in ipairs(holding) do knows_all = knows_all and is_known[epoch] end

local kept = redis.call('HMGET', meta, 'first_segment', 'next_segment', 'in_segments', 'filled', 'bytes',
  'timed', 'ranked', 'paused', 'stranded', 'parked')
local timed, ranked = read_fill('timed', kept[6]).count, read_fill('ranked', kept[7]).count
timed = math.max(0, timed - redis.call('ZCARD', scheduled))
local waiting = waiting_in(read_line(kept, ready, tail)) + ranked + redis.call('LLEN', suspects)
  + tonumber(kept[9] or 0)
local in_flight = 0
for i = FIRST_INFLIGHT, #keys do
  local inflight = keys[i]
  in_flight = in_flight + redis.call('HLEN', inflight) - redis.call('HEXISTS', inflight, 'suspect')
end
return { 'counted', waiting, timed, in_flight, redis.call('LLEN', dead), kept[8] and 1 or 0,
  tonumber(kept[10] or 0), knows_all and {} or holding }
