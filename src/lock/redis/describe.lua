-- Changes what the owner is shown with, if it still holds the lock.
-- KEYS  lock  string, see state.lua
-- ARGV  owner     string
-- ARGV  metadata  string
-- REPLY changed
-- REPLY lost
-- COST  O(1)
-- REPEAT safe
-- USE   clock facts lock/state
local state = lock_read(lock)
if not state or not is_held(state) or not is_owner(state, owner) then return { 'lost' } end
local left_ms = math.ceil((tonumber(string.sub(state, 55, 70)) - now_us) / 1000)
local owners = string.match(state, '^%S+ %S+ ', 72)
redis.call('SET', lock, string.sub(state, 1, 71) .. owners .. metadata, 'PX', left_ms + FENCE_IDLE_MS)
return { 'changed' }
