-- Makes every later ownership of the lock have a higher fence than this one, if the owner still holds it.
-- KEYS  lock  string, see state.lua
-- SHARES fence  string, see fresh.lua
-- ARGV  owner  string
-- ARGV  fence  integer
-- REPLY raised
-- REPLY lost
-- COST  O(1)
-- REPEAT safe
-- USE   clock facts engine/digits lock/state lock/fresh lock/lift
local state = lock_read(lock)
if not state or not is_held(state) or not is_owner(state, owner) then return { 'lost' } end
lift_fence(lock, state, shared_fence, fence)
return { 'raised' }
