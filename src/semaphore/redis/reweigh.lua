-- Changes what an owner holds: to less at once, to more if there is room beside the other holders;
-- else it keeps what it has and waits in front of everyone.
-- KEYS  semaphore  hash, see pool.lua
-- KEYS  holders    zset owner -> expires_us
-- KEYS  held       hash owner -> hold
-- KEYS  line       zset owner -> place
-- KEYS  waiters    hash owner -> waiter
-- ARGV  owner      string
-- ARGV  weight     integer
-- ARGV  solo       integer
-- ARGV  ttl_us     integer
-- ARGV  claim_us   digits
-- ARGV  heartbeat  integer  1: a later call for the same, served by a full server too
-- ARGV  topic      string   what a grant is published under
-- REPLY changed fence:integer granted:strings fences:integers
-- REPLY waiting last_fence:integer granted:strings fences:integers
-- REPLY lost    granted:strings fences:integers
-- COST  O(log waiters) for each who is let in
-- REPEAT safe  what is held already is answered with the same fence
-- USE   clock facts gate/line semaphore/pool semaphore/holders semaphore/ended semaphore/grants
local at = pool_open(semaphore, holders, held, line, waiters, owner)
end_leases(at)
local hold, last_fence = at.own, at.fence
if not hold then
  let_in(at, topic)
  pool_save(at)
  return { 'lost', at.granted, at.fences }
end
local is_less = weight <= hold.weight and solo <= hold.solo
if is_less or heartbeat == 1 then begin_draining(at) end
lease_set(at, owner, ttl_us)
if hold_fits(at, owner, weight, solo, hold) then
  line_leave(line, waiters, owner)
  local fence = hold.fence
  if weight ~= hold.weight or solo ~= hold.solo then
    fence = hold_take(at, owner, weight, solo, hold.metadata, hold)
  end
  let_in(at, topic)
  pool_save(at)
  return { 'changed', fence, at.granted, at.fences }
end
local asks = solo .. ' ' .. hold.metadata
local first_place = redis.call('ZRANGE', line, 0, 0, 'WITHSCORES')[2]
local has_place = redis.call('HEXISTS', waiters, owner) == 1
line_join(line, waiters, owner, 'caller', claim_us, weight, asks, redis.call('ZCARD', line))
line_keep(line, waiters)
if first_place and not has_place then
  redis.call('ZADD', line, tonumber(first_place) - 1, owner)
end
let_in(at, topic)
pool_save(at)
return { 'waiting', last_fence, at.granted, at.fences }
