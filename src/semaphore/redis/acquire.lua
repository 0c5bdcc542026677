-- Takes permits if there is room and nobody has waited longer; else joins the line, or says who holds some.
-- KEYS  semaphore  hash, see pool.lua
-- KEYS  holders    zset owner -> expires_us
-- KEYS  held       hash owner -> hold
-- KEYS  line       zset owner -> place
-- KEYS  waiters    hash owner -> waiter
-- KEYS  gone       string, there while a withdrawn owner must not come back
-- ARGV  owner      string
-- ARGV  permits    integer  how many there are, as the caller was told
-- ARGV  weight     integer
-- ARGV  solo       integer  1: of those who ask for this, one at a time
-- ARGV  metadata   string
-- ARGV  ttl_us     integer
-- ARGV  claim_us   digits
-- ARGV  enqueue    integer  1: join the line if there is no room
-- ARGV  heartbeat  integer  1: a waiter's later call, served by a full server too
-- ARGV  kind       string   caller or job
-- ARGV  topic      string   what a grant is published under
-- REPLY acquired fence:integer granted:strings fences:integers
-- REPLY waiting  position:integer last_fence:integer holder:string since_us:integer remaining_us:integer granted:strings fences:integers
-- REPLY held     waiter_count:integer holder:string since_us:integer remaining_us:integer granted:strings fences:integers
-- REPLY mismatch permits:integer
-- REPLY refused
-- COST  O(log waiters) for each who is let in
-- REPEAT safe  the same owner gets the same answer
-- USE   clock facts gate/line semaphore/pool semaphore/holders semaphore/ended semaphore/grants
local at = pool_open(semaphore, holders, held, line, waiters, owner)
if redis.call('EXISTS', gone) == 1 then return { 'refused' } end
local last_fence = at.fence
if not is_agreed(at, permits) then
  local is_in_use = redis.call('ZCOUNT', holders, string.format('(%.0f', now_us), '+inf') > 0
    or line_find(line, waiters) ~= nil
  if is_in_use and at.permits > 0 then return { 'mismatch', at.permits } end
  say_anew(at, permits)
end
if heartbeat == 1 then begin_draining(at) end
end_leases(at)

if at.own then
  lease_set(at, owner, ttl_us)
  let_in(at, topic)
  pool_save(at)
  return { 'acquired', at.own.fence, at.granted, at.fences }
end
local is_turn, is_open = let_in(at, topic, owner)
-- Of a longer line than one call looks at some may be left who live. Nobody barges in.
local is_next = is_turn or is_open or redis.call('ZCARD', line) == 0
if is_next and hold_fits(at, owner, weight, solo) then
  lease_set(at, owner, ttl_us)
  local fence = hold_take(at, owner, weight, solo, metadata)
  if is_turn then
    line_leave(line, waiters, owner)
    let_in(at, topic)
  end
  pool_save(at)
  return { 'acquired', fence, at.granted, at.fences }
end
local holder, since_us, remaining_us = first_holder(at)
if enqueue == 0 then
  pool_save(at)
  local waiter_count = redis.call('ZCARD', line)
  return { 'held', waiter_count, holder, since_us, remaining_us, at.granted, at.fences }
end
local asks = solo .. ' ' .. metadata
local position = line_join(line, waiters, owner, kind, claim_us, weight, asks,
  redis.call('ZCARD', line))
line_keep(line, waiters)
pool_save(at)
return { 'waiting', position, last_fence, holder, since_us, remaining_us, at.granted, at.fences }
