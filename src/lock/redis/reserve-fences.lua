-- Gives the owner all fences up to this one, if it still holds the lock and nobody stands in line for it: else nothing is changed.
-- KEYS  lock  string, see state.lua
-- KEYS  line  zset owner -> place
-- SHARES fence  string, see fresh.lua
-- ARGV  owner  string
-- ARGV  fence  integer
-- REPLY reserved
-- REPLY awaited
-- REPLY lost
-- COST  O(1)
-- REPEAT safe
-- USE   clock facts engine/digits lock/state lock/fresh lock/lift
local state = lock_read(lock)
local count = redis.call('ZCARD', line)
if not state or not is_held(state) or not is_owner(state, owner) then return { 'lost' } end
if count > 0 then return { 'awaited' } end
lift_fence(lock, state, shared_fence, fence)
return { 'reserved' }
