-- Changes what the owner is shown with, if it still holds the lock.
-- KEYS  lock  string, see state.lua
-- ARGV  owner     string
-- ARGV  metadata  string
-- REPLY changed
-- REPLY lost
-- COST  O(1)
-- REPEAT safe
-- USE   clock engine/digits lock/state
local state = lock_read(lock)
if not state or not is_held(state) or not is_owner(state, owner) then return { 'lost' } end
local left_us = tonumber(string.sub(state, 55, 70)) - now_us
local owners = string.match(state, '^%S+ %S+ ', 72)
redis.call('SET', lock, string.sub(state, 1, 71) .. owners .. metadata,
  'PX', keep_ms(left_us, string.byte(state) == 78))
return { 'changed' }
