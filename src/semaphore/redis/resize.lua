-- Changes how many permits there are, and lets in whom there is room for now.
-- KEYS  semaphore  hash, see pool.lua
-- KEYS  holders    zset owner -> expires_us
-- KEYS  held       hash owner -> hold
-- KEYS  line       zset owner -> place
-- KEYS  waiters    hash owner -> waiter
-- ARGV  permits  integer
-- ARGV  call     string  names this call, so that a repeat is known again
-- ARGV  topic    string  what a grant is published under
-- REPLY resized before:integer granted:strings fences:integers
-- COST  O(log waiters) for each who is let in
-- REPEAT safe  the semaphore remembers the last call, and what it answered
-- USE   clock facts gate/line semaphore/pool semaphore/holders semaphore/ended semaphore/grants
local at = pool_open(semaphore, holders, held, line, waiters, '')
local before = at.permits
local last = redis.call('HMGET', semaphore, 'resize', 'resized_from')
if last[1] == call then before = tonumber(last[2]) end
end_leases(at)
redis.call('HSET', semaphore, 'resize', call, 'resized_from', before)
at.permits, at.is_changed, at.needs_ttl = permits, true, true
if not is_agreed(at, permits) then
  at.agreed = at.agreed == '' and tostring(permits) or permits .. ' ' .. at.agreed
  -- The newest are kept, at least a dozen.
  if #at.agreed > 160 then at.agreed = string.match(string.sub(at.agreed, 1, 160), '^(.*) ') end
end
let_in(at, topic)
pool_save(at)
return { 'resized', before, at.granted, at.fences }
