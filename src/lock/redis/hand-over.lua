-- Gives the lock from its owner to a waiter of the same client, which holds it already by its word.
-- KEYS  lock     string, see state.lua
-- KEYS  line     zset owner -> place
-- KEYS  waiters  hash owner -> waiter
-- ARGV  owner      string
-- ARGV  successor  string
-- ARGV  fence      integer  the owner's plus one, which every grant leaves free
-- ARGV  ttl_us     integer
-- ARGV  metadata   string
-- REPLY renewed successor:string
-- REPLY forced reason:string
-- REPLY lost
-- COST  O(log waiters)
-- REPEAT safe  the successor owns it, with that fence
-- USE   clock facts gate/line engine/digits lock/state lock/ownership
local state = lock_read(lock)
local first = line_first_of(self, line, successor)
redis.call('HLEN', waiters)
if not state then return { 'lost' } end
if is_owner(state, owner) and string.byte(state) == 88 then
  return { 'forced', string.match(state, '^%S+ %S+ (.*)$', 72) }
end
if not is_held(state) then return { 'lost' } end
if not is_owner(state, successor) then
  if not is_owner(state, owner) then return { 'lost' } end
  line_leave(line, waiters, successor)
  own(lock, 'F' .. string.sub(state, 2), digits_of(fence), successor, ttl_us, metadata, '0')
end
return { 'renewed', first }
