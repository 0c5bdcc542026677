-- Gives the lock up if nobody may be waiting for it: the short way to release. A full server refuses
-- it, and serves the long way.
-- KEYS  lock  string, see state.lua
-- ARGV  owner  string
-- REPLY released at_us:integer
-- REPLY lost
-- REPLY busy  somebody may be waiting, the long way tells
-- PLAIN released
-- COST  O(1)
-- REPEAT safe  the lock remembers who released it last
-- USE   clock facts gate/line lock/state lock/ownership
local state = lock_read(lock)
if not state then return { 'lost' } end
if not is_held(state) or not is_owner(state, owner) then
  if releaser_of(state) == owner then return now_us end
  return { 'lost' }
end
if string.sub(state, 4, 19) >= now_text then return { 'busy' } end
redis.call('SETRANGE', lock, 0, 'F0')
return now_us
