-- Withdraws an owner: out of the line, refused if an earlier call of it arrives late, and what it
-- was granted meanwhile is handed over.
-- KEYS  semaphore  hash, see pool.lua
-- KEYS  holders    zset owner -> expires_us
-- KEYS  held       hash owner -> hold
-- KEYS  line       zset owner -> place
-- KEYS  waiters    hash owner -> waiter
-- KEYS  gone       string
-- ARGV  owner    string
-- ARGV  gone_ms  integer  how long a late call may still arrive
-- ARGV  topic    string   what a grant is published under
-- REPLY left  granted:strings fences:integers
-- COST  O(log waiters) for each who is let in
-- REPEAT safe
-- USE   clock facts gate/line semaphore/pool semaphore/holders semaphore/ended semaphore/grants
local at = pool_open(semaphore, holders, held, line, waiters, owner)
line_leave(line, waiters, owner)
redis.call('SET', gone, '1', 'PX', gone_ms)
end_leases(at)
if at.own then hold_drop(at, owner, at.own) end
let_in(at, topic)
pool_save(at)
return { 'left', at.granted, at.fences }
