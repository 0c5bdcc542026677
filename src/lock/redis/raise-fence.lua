-- Makes every later ownership of the lock have a higher fence than this one, if the owner still holds it.
-- KEYS  lock  string, see state.lua
-- SHARES fence  string, see fresh.lua
-- ARGV  owner  string
-- ARGV  fence  integer
-- REPLY raised
-- REPLY lost
-- COST  O(1)
-- REPEAT safe
-- USE   clock facts engine/digits lock/state lock/fresh
local state = lock_read(lock)
if not state or not is_held(state) or not is_owner(state, owner) then return { 'lost' } end
-- Of a lock that leaves nothing behind, the shared one is what remembers.
if fence > (tonumber(redis.call('GET', shared_fence) or 0) or 0) then
  raise_fence(shared_fence, digits_of(fence))
end
if fence > tonumber(string.sub(state, 21, 36)) then
  redis.call('SETRANGE', lock, '20', digits_of(fence))
end
return { 'raised' }
