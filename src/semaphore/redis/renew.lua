-- Gives the owner a fresh lease, if it still holds permits.
-- KEYS  semaphore  hash, see pool.lua
-- KEYS  holders    zset owner -> expires_us
-- KEYS  held       hash owner -> hold
-- KEYS  line       zset owner -> place
-- KEYS  waiters    hash owner -> waiter
-- ARGV  owner   string
-- ARGV  ttl_us  integer
-- ARGV  topic   string   what a grant is published under
-- REPLY renewed granted:strings fences:integers
-- REPLY lost    granted:strings fences:integers
-- COST  O(log holders), and O(log waiters) for each who is let in
-- REPEAT safe
-- USE   clock facts gate/line semaphore/pool semaphore/holders semaphore/ended semaphore/grants
local at = pool_open(semaphore, holders, held, line, waiters, owner)
end_leases(at)
if at.own then
  begin_draining(at)
  lease_set(at, owner, ttl_us)
end
let_in(at, topic)
pool_save(at)
if not at.own then return { 'lost', at.granted, at.fences } end
return { 'renewed', at.granted, at.fences }
