-- Reads a semaphore: who holds its permits, and who waits in which order.
-- KEYS  semaphore  hash, see pool.lua
-- KEYS  holders    zset owner -> expires_us
-- KEYS  held       hash owner -> hold
-- KEYS  line       zset owner -> place
-- KEYS  waiters    hash owner -> waiter
-- REPLY view  permits:integer used:integer owners:strings weights:integers solos:integers since_us:integers remaining_us:integers fences:integers metadatas:strings waiter_owners:strings waiter_kinds:strings waiter_weights:integers waiter_solos:integers waiter_metadatas:strings
-- COST  O(holders + waiters), at most 1,024 of those and 100 of these
-- REPEAT safe
-- USE   clock facts gate/line semaphore/pool semaphore/holders semaphore/ended semaphore/grants
local at = pool_open(semaphore, holders, held, line, waiters, '')
local used, holds = at.used, {}
local leases = redis.call('ZRANGE', holders, 0, 1023, 'WITHSCORES')
for index = 1, #leases, 2 do
  local hold = hold_read(redis.call('HGET', held, leases[index]))
  local remaining_us = tonumber(leases[index + 1]) - now_us
  if hold and remaining_us <= 0 then used = used - hold.weight end
  if hold and remaining_us > 0 then
    hold.owner, hold.remaining_us = leases[index], remaining_us
    holds[#holds + 1] = hold
  end
end
table.sort(holds, function(one, other)
  if one.since_us ~= other.since_us then return one.since_us < other.since_us end
  return one.fence < other.fence
end)
local owners, weights, solos, since_us, remaining_us, fences, metadatas = {}, {}, {}, {}, {}, {}, {}
for index = 1, math.min(#holds, 100) do
  local hold = holds[index]
  owners[index], weights[index], solos[index] = hold.owner, hold.weight, hold.solo
  since_us[index], remaining_us[index] = hold.since_us, hold.remaining_us
  fences[index], metadatas[index] = hold.fence, hold.metadata
end
local waiting, kinds, wanted, alone, notes = {}, {}, {}, {}, {}
for _, owner in ipairs(redis.call('ZRANGE', line, 0, 99)) do
  local kind, deadline_us, _, weight, asks = line_read(redis.call('HGET', waiters, owner))
  if kind and deadline_us >= now_us then
    local next = #waiting + 1
    waiting[next], kinds[next], wanted[next] = owner, kind, weight
    alone[next], notes[next] = line_asks(asks)
  end
end
return { 'view', at.permits, used, owners, weights, solos, since_us, remaining_us, fences, metadatas,
  waiting, kinds, wanted, alone, notes }
