-- Gives up what one command took, if nothing of it has changed: the shortest way to release.
-- KEYS  lock  string, see state.lua
-- ARGV  state  string
-- REPLY released keys:integer
-- REPLY changed  it was renewed or described, somebody waits, or it is gone, the others tell
-- PLAIN released
-- COST  O(1)
-- REPEAT safe  no other lease has the same state
if redis.call('GET', lock) == state then
  redis.call('DEL', lock)
  return '1'
end
return { 'changed' }
