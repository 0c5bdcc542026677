-- Gives the owner a fresh lease, if it still holds the lock.
-- KEYS  lock  string, see state.lua
-- ARGV  owner   string
-- ARGV  ttl_us  digits
-- REPLY renewed fence:integer
-- REPLY forced reason:string
-- REPLY lost
-- PLAIN renewed
-- COST  O(1)
-- REPEAT safe
-- USE   clock facts gate/line engine/digits lock/state lock/ownership
local state = lock_read(lock)
if not state or not is_owner(state, owner) then return { 'lost' } end
if string.byte(state) == 88 then
  return { 'forced', string.match(state, '^%S+ %S+ (.*)$', 72) }
end
if not is_held(state) then return { 'lost' } end
return extend(lock, state, ttl_us)
