-- Gives the lock up if nobody may be waiting for it: the short way to release. Nothing of it stays.
-- KEYS  lock  string, see state.lua
-- ARGV  owner  string
-- REPLY released keys:integer
-- REPLY gone  this owner does not hold it, and it is not told why
-- REPLY busy  somebody may be waiting or is remembered, the long way tells
-- PLAIN released
-- COST  O(1)
-- REPEAT safe  what is gone stays gone; only the long way remembers who released it
-- USE   clock
local state = redis.call('GET', lock)
if not state then return { 'gone' } end
if string.byte(state) ~= 78 or string.byte(state, 71) ~= 32 then return { 'busy' } end
if string.find(state, owner, 72, true) == 72 and string.byte(state, 72 + #owner) == 32 then
  -- A lease that is over is gone by its TTL, but not by the clock of a test.
  if said_now ~= '' and string.sub(state, 55, 70) <= said_now then return { 'gone' } end
  -- Written out: to print what it answers takes longer than the command.
  redis.call('DEL', lock)
  return '1'
end
if string.match(state, '^%S+ (%S+)', 72) == owner then return '1' end
return { 'gone' }
