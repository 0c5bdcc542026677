-- Takes the lock from its holder, who is told why, and hands it over.
-- KEYS  lock     string, see state.lua
-- KEYS  line     zset owner -> place
-- KEYS  waiters  hash owner -> waiter
-- ARGV  expected_fence  integer  0: whichever
-- ARGV  reason          string
-- ARGV  gone_ms         digits   how long a release of the former holder may still arrive
-- ARGV  topic           string   what a grant is published under
-- REPLY released  granted:string fence:integer
-- REPLY free
-- REPLY changed
-- COST  O(log waiters)
-- REPEAT unsafe  the next holder is not the one that was meant
-- USE   clock facts gate/line engine/digits lock/state lock/ownership lock/grant
local state = lock_read(lock)
redis.call('ZCARD', line)
redis.call('HLEN', waiters)
if not state or not is_held(state) then return { 'free' } end
if expected_fence > 0 and tonumber(string.sub(state, 21, 36)) ~= expected_fence then
  return { 'changed' }
end
begin_draining(lock)
-- The short way forgets: until its release cannot come any more, the former holder is remembered.
state = be_busy(lock, state, gone_ms * 1000)
line_keep(line, waiters)
local owner = string.match(state, '^%S+', 72)
local taken = 'X' .. string.sub(state, 2, 71) .. owner .. ' ' .. releaser_of(state) .. ' ' .. reason
redis.call('SET', lock, taken, 'PX', FENCE_IDLE_MS)
local client = string.match(owner, '^(.*)%.') or owner
redis.call('PUBLISH', inbox .. client, topic .. '-forced ' .. owner .. ' ' .. reason)
local granted, fence = hand_over(lock, taken, line, waiters, '1', topic)
return { 'released', granted or '', fence or 0 }
