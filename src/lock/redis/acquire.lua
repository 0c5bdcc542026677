-- Takes the lock if it is free and nobody has waited longer; else joins the line, or says who holds it.
-- KEYS  lock     string, see state.lua
-- KEYS  line     zset owner -> place
-- KEYS  waiters  hash owner -> waiter
-- KEYS  gone     string, there while a withdrawn owner must not come back
-- SHARES fence   string, see fresh.lua
-- ARGV  owner      string
-- ARGV  ttl_us     digits
-- ARGV  claim_us   digits
-- ARGV  enqueue    digits  1: join the line if it is taken
-- ARGV  heartbeat  digits  1: a waiter's later call, served by a full server too
-- ARGV  kind       string  caller or job
-- ARGV  fair       digits  0: those who wait may be passed over
-- ARGV  metadata   string
-- REPLY acquired fence:integer
-- REPLY waiting  position:integer last_fence:integer holder:string since_us:integer remaining_us:integer
-- REPLY held     waiter_count:integer holder:string since_us:integer remaining_us:integer
-- REPLY refused
-- COST  O(log waiters)
-- REPEAT safe  the same owner gets the same answer
-- USE   clock facts gate/line engine/digits lock/state lock/fresh lock/ownership
local state = lock_read(lock)
local busy = state and string.sub(state, 4, 19) or ''
-- Who withdraws makes it busy for as long.
if busy >= now_text and redis.call('EXISTS', gone) == 1 then return { 'refused' } end
local waiter_count = redis.call('ZCARD', line)
if heartbeat == '1' then redis.call('HDEL', waiters, '') end
if enqueue == '1' and state and is_held(state) and not is_owner(state, owner) then
  local position = line_join(line, waiters, owner, kind, claim_us, '1', metadata, waiter_count)
  keep_busy(lock, state, line, waiters, line_counts_us(kind, claim_us), waiter_count)
  return { 'waiting', position, tonumber(string.sub(state, 21, 36)), holder_of(state) }
end
-- RARELY: it is free, held by this owner already, or not to be waited for
local is_blank = not state
if is_blank then state = blank_state(shared_fence) end
if is_held(state) then
  if is_owner(state, owner) then return { 'acquired', extend(lock, state, ttl_us) } end
  return { 'held', waiter_count, holder_of(state) }
end
local first = waiter_count > 0 and line_find(line, waiters) or nil
-- No first in a line that is not empty: more dead waiters than one call drops. Nobody barges in.
local is_next = first == owner or waiter_count == 0 or not first and redis.call('ZCARD', line) == 0
if is_next or fair == '0' then
  if waiter_count > 0 then line_leave(line, waiters, owner) end
  local fence = next_fence(state)
  own(lock, state, fence, owner, ttl_us, metadata, '0')
  return { 'acquired', fence }
end
waiter_count = redis.call('ZCARD', line)
if enqueue == '0' then return { 'held', waiter_count, '', 0, 0 } end
local position = line_join(line, waiters, owner, kind, claim_us, '1', metadata, waiter_count)
keep_busy(lock, state, line, waiters, line_counts_us(kind, claim_us), waiter_count, is_blank)
return { 'waiting', position, tonumber(string.sub(state, 21, 36)), '', 0, 0 }
