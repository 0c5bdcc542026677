-- Takes the lock if it is free and nobody may be waiting for it: the short way to acquire.
-- KEYS  lock  string, see state.lua
-- ARGV  owner     string
-- ARGV  ttl_us    integer
-- ARGV  metadata  string
-- REPLY acquired fence:integer
-- REPLY held holder:string since_us:integer remaining_us:integer
-- REPLY busy  somebody may be waiting or have withdrawn, the long way tells
-- PLAIN acquired
-- COST  O(1)
-- REPEAT safe  the same owner gets the same answer
-- USE   clock facts gate/line lock/state lock/ownership
local state = lock_read(lock)
if state then
  if string.sub(state, 4, 19) >= now_text then return { 'busy' } end
  if is_held(state) then
    if is_owner(state, owner) then return extend(lock, state, ttl_us) end
    return { 'held', holder_of(state) }
  end
end
return own(lock, state, owner, ttl_us, metadata, '0')
