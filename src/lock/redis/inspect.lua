-- Reads a lock: its holder, and who waits in which order.
-- KEYS  lock     string, see state.lua
-- KEYS  line     zset owner -> place
-- KEYS  waiters  hash owner -> waiter
-- REPLY view  holder:string since_us:integer remaining_us:integer fence:integer metadata:string owners:strings kinds:strings metadatas:strings
-- COST  O(waiters), at most 100
-- REPEAT safe
-- USE   clock gate/line engine/digits lock/state
local state = lock_read(lock)
local owners, kinds, metadatas = {}, {}, {}
for _, owner in ipairs(redis.call('ZRANGE', line, 0, 99)) do
  local kind, deadline_us, _, _, metadata = line_read(redis.call('HGET', waiters, owner))
  if kind and deadline_us >= now_us then
    owners[#owners + 1] = owner
    kinds[#kinds + 1] = kind
    metadatas[#metadatas + 1] = metadata
  end
end
local holder, since_us, remaining_us = holder_of(state)
local fence, metadata = 0, ''
if holder ~= '' then
  fence = tonumber(string.sub(state, 21, 36))
  metadata = string.match(state, '^%S+ %S+ (.*)$', 72)
end
return { 'view', holder, since_us, remaining_us, fence, metadata, owners, kinds, metadatas }
