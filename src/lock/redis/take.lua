-- Takes the lock if it is free and nobody may be waiting for it: the short way to acquire.
-- KEYS  lock  string, see state.lua
-- SHARES fence  string, see fresh.lua
-- ARGV  owner  string
-- ONCE  lease_us  string  16 digits
-- ONCE  lease_ms  string  the same in whole milliseconds, rounded up
-- ONCE  metadata  string
-- REPLY acquired fence:integer
-- REPLY held holder:string since_us:integer remaining_us:integer
-- REPLY busy  somebody may be waiting or have withdrawn, or it is held already, the long way tells
-- PLAIN acquired
-- COST  O(1)
-- REPEAT safe  the same owner gets the same answer
-- USE   clock facts engine/digits lock/state lock/fresh
if not fresh_fence then prepare_fresh(shared_fence, lease_us, lease_ms) end
local text = fresh_head .. owner .. ' - ' .. metadata
if not taken_now[lock] and redis.call('SET', lock, text, 'PX', fresh_ms, 'NX') then
  taken_now[lock] = true
  return fresh_fence
end
-- RARELY: there is a state
local state = lock_read(lock)
if not state then return { 'busy' } end
if string.sub(state, 4, 19) >= now_text then return { 'busy' } end
local holder, since_us, remaining_us = holder_of(state)
if holder == owner then return { 'busy' } end
if holder ~= '' then return { 'held', holder, since_us, remaining_us } end
local least = tonumber(string.sub(state, 21, 36)) + 2
if least > tonumber(fresh_fence) then
  -- For all that come after it, too: the shared one must never fall.
  fresh_fence = digits_of(least)
  raise_fence(shared_fence, fresh_fence)
  prepare_fresh(shared_fence, lease_us, lease_ms)
end
text = fresh_head .. owner .. ' ' .. releaser_of(state) .. ' ' .. metadata
redis.call('SET', lock, text, 'PX', fresh_ms)
taken_now[lock] = true
return fresh_fence
