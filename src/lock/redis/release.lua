-- Gives the lock up, and over to whoever has waited longest.
-- KEYS  lock     string, see state.lua
-- KEYS  line     zset owner -> place
-- KEYS  waiters  hash owner -> waiter
-- ARGV  owner  string
-- ARGV  fair   integer  0: waiters of this client come first
-- ARGV  topic  string   what a grant is published under
-- REPLY released  granted:string fence:integer successor:string
-- REPLY lost
-- COST  O(log waiters)
-- REPEAT safe  the lock remembers who released it last
-- USE   clock facts gate/line lock/state lock/ownership
local state = lock_read(lock)
redis.call('ZCARD', line)
redis.call('HLEN', waiters)
if not state then return { 'lost' } end
if not is_held(state) or not is_owner(state, owner) then
  if releaser_of(state) == owner then return { 'released', '', 0, '' } end
  return { 'lost' }
end
begin_draining(lock)
redis.call('SETRANGE', lock, 0, 'F')
local granted, fence, successor =
  hand_over(lock, 'F' .. string.sub(state, 2), line, waiters, fair, topic)
return { 'released', granted, fence, successor }
