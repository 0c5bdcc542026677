-- Gives permits up, and over to those who have waited longest.
-- KEYS  semaphore  hash, see pool.lua
-- KEYS  holders    zset owner -> expires_us
-- KEYS  held       hash owner -> hold
-- KEYS  line       zset owner -> place
-- KEYS  waiters    hash owner -> waiter
-- ARGV  owner  string
-- ARGV  topic  string  what a grant is published under
-- REPLY released granted:strings fences:integers
-- REPLY lost     granted:strings fences:integers
-- COST  O(log waiters) for each who is let in
-- REPEAT safe  the semaphore remembers who released lately
-- USE   clock facts gate/line semaphore/pool semaphore/holders semaphore/ended semaphore/grants
local at = pool_open(semaphore, holders, held, line, waiters, owner)
end_leases(at)
local is_released = at.own ~= nil
if at.own then
  hold_drop(at, owner, at.own)
  if at.waiter_count > 0 then line_leave(line, waiters, owner) end
  local slot = at.releases % RELEASERS
  redis.call('HSET', semaphore, 'releases', slot + 1, 'released:' .. slot, owner)
else
  for slot = 0, RELEASERS - 1 do
    if redis.call('HGET', semaphore, 'released:' .. slot) == owner then is_released = true end
  end
end
let_in(at, topic)
pool_save(at)
if not is_released then return { 'lost', at.granted, at.fences } end
return { 'released', at.granted, at.fences }
