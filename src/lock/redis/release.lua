-- Gives the lock up, and over to whoever has waited longest.
-- KEYS  lock     string, see state.lua
-- KEYS  line     zset owner -> place
-- KEYS  waiters  hash owner -> waiter
-- ARGV  owner  string
-- ARGV  fair   digits  0: waiters of this client come first
-- ARGV  topic  string  what a grant is published under
-- REPLY released  granted:string fence:integer successor:string
-- REPLY lost
-- COST  O(log waiters)
-- REPEAT safe  the lock remembers who released it last
-- USE   clock facts gate/line engine/digits lock/state lock/ownership lock/grant
local state = lock_read(lock)
if not state then return { 'lost' } end
if not is_held(state) or not is_owner(state, owner) then
  if releaser_of(state) == owner then return { 'released', '', 0, '' } end
  return { 'lost' }
end
local free = 'F' .. string.sub(state, 2)
local granted, fence, successor = hand_over(lock, free, line, waiters, fair, topic)
if granted then return { 'released', granted, fence, successor } end
begin_draining(lock)
redis.call('SETRANGE', lock, '0', 'F')
return { 'released', '', 0, '' }
