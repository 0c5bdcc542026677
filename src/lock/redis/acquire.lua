-- Takes the lock if it is free and nobody has waited longer; else joins the line, or says who holds it.
-- KEYS  lock     string, see state.lua
-- KEYS  line     zset owner -> place
-- KEYS  waiters  hash owner -> waiter
-- KEYS  gone     string, there while a withdrawn owner must not come back
-- ARGV  owner      string
-- ARGV  ttl_us     integer
-- ARGV  claim_us   integer
-- ARGV  enqueue    integer  1: join the line if it is taken
-- ARGV  heartbeat  integer  1: a waiter's later call, served by a full server too
-- ARGV  fair       integer  0: those who wait may be passed over
-- ARGV  metadata   string
-- REPLY acquired fence:integer
-- REPLY waiting  position:integer last_fence:integer holder:string since_us:integer remaining_us:integer
-- REPLY held     waiter_count:integer holder:string since_us:integer remaining_us:integer
-- REPLY refused
-- COST  O(log waiters)
-- REPEAT safe  the same owner gets the same answer
-- USE   clock facts gate/line lock/state lock/ownership
local state = lock_read(lock)
local waiter_count = redis.call('ZCARD', line)
redis.call('HLEN', waiters)
if redis.call('EXISTS', gone) == 1 then return { 'refused' } end
if heartbeat == 1 then redis.call('HDEL', waiters, '') end

local is_taken = state and is_held(state)
if is_taken and is_owner(state, owner) then return { 'acquired', extend(lock, state, ttl_us) } end
if not is_taken then
  local first = waiter_count > 0 and line_find(line, waiters, function() return true end) or nil
  -- No first in a line that is not empty: more dead waiters than one call drops. Nobody barges in.
  local is_next = first == owner or (not first and redis.call('ZCARD', line) == 0)
  if is_next or fair == 0 then
    line_leave(line, waiters, owner)
    return { 'acquired', own(lock, state, owner, ttl_us, metadata, '0') }
  end
end
if enqueue == 0 then return { 'held', waiter_count, holder_of(state) } end
state = be_busy(lock, state, claim_us)
local position = line_join(line, waiters, owner, 'caller', claim_us, 1, metadata)
return { 'waiting', position, tonumber(string.sub(state, 21, 36)), holder_of(state) }
