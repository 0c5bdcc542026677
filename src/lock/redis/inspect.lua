-- Reads a lock: its holder, and who waits in which order.
-- KEYS  lock     hash {owner, fence, since_us, expires_us}
-- KEYS  line     zset owner -> place
-- KEYS  waiters  hash owner -> waiter
-- REPLY view  holder:string fence:integer since_us:integer remaining_us:integer owners:strings kinds:strings
-- COST  O(waiters), at most 100
-- REPEAT safe
-- USE   clock gate/line
local state = redis.call('HMGET', lock, 'owner', 'expires_us', 'fence', 'since_us')
local owners, kinds = {}, {}
for _, owner in ipairs(redis.call('ZRANGE', line, 0, 99)) do
  local kind, deadline_us = line_read(waiters, owner)
  if kind and deadline_us >= now_us then
    owners[#owners + 1] = owner
    kinds[#kinds + 1] = kind
  end
end
local remaining_us = tonumber(state[2] or 0) - now_us
if not state[1] or remaining_us <= 0 then return { 'view', '', 0, 0, 0, owners, kinds } end
return { 'view', state[1], tonumber(state[3]), tonumber(state[4]), remaining_us, owners, kinds }
