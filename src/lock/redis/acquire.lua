-- Takes the lock if it is free and nobody has waited longer; else joins the line, or says who holds it.
-- KEYS  lock     hash {owner, fence, since_us, expires_us}
-- KEYS  line     zset owner -> place
-- KEYS  waiters  hash owner -> waiter
-- KEYS  gone     string, there while a withdrawn owner must not come back
-- ARGV  owner      string
-- ARGV  ttl_us     integer
-- ARGV  claim_us   integer
-- ARGV  enqueue    integer  1: join the line if it is taken
-- ARGV  heartbeat  integer  1: a waiter's later call, served by a full server too
-- ARGV  floor      integer  highest fence that the caller knows of
-- REPLY acquired fence:integer
-- REPLY waiting  position:integer holder:string since_us:integer remaining_us:integer
-- REPLY held     waiter_count:integer holder:string since_us:integer remaining_us:integer
-- REPLY refused
-- COST  O(log waiters)
-- REPEAT safe  the same owner gets the same answer
-- USE   clock gate/line lock/ownership
local state = redis.call('HMGET', lock, 'owner', 'expires_us', 'fence', 'since_us')
local waiter_count = redis.call('ZCARD', line)
redis.call('HLEN', waiters)
if redis.call('EXISTS', gone) == 1 then return { 'refused' } end
if heartbeat == 1 then redis.call('HDEL', lock, '') end

local holder, remaining_us = state[1] or '', tonumber(state[2] or 0) - now_us
if remaining_us <= 0 then holder, remaining_us = '', 0 end
if holder == owner then
  redis.call('HSET', lock, 'expires_us', now_us + ttl_us)
  redis.call('PEXPIRE', lock, math.ceil(ttl_us / 1000) + 86400000)
  return { 'acquired', tonumber(state[3]) }
end
if holder == '' then
  local first = waiter_count > 0 and line_first(line, waiters, 0) or nil
  -- No first in a line that is not empty: more dead waiters than one call drops. Nobody barges in.
  if first == owner or (not first and redis.call('ZCARD', line) == 0) then
    if first then line_leave(line, waiters, owner) end
    return { 'acquired', own(lock, owner, state[3], floor, ttl_us) }
  end
end
local since_us = holder == '' and 0 or tonumber(state[4])
if enqueue == 0 then return { 'held', waiter_count, holder, since_us, remaining_us } end
local position = line_join(line, waiters, owner, 'caller', claim_us)
return { 'waiting', position, holder, since_us, remaining_us }
