-- Hands a free lock over to whoever has waited longest and listens, where one who came later found it free.
-- KEYS  lock     string, see state.lua
-- KEYS  line     zset owner -> place
-- KEYS  waiters  hash owner -> waiter
-- ARGV  topic  string  what a grant is published under
-- REPLY passed granted:string fence:integer
-- COST  O(log waiters)
-- REPEAT safe  whoever got it has it
-- USE   clock facts gate/line engine/digits lock/state lock/ownership lock/grant
local state = lock_read(lock)
redis.call('HLEN', waiters)
if not state or is_held(state) then return { 'passed', '', 0 } end
local granted, fence = hand_over(lock, state, line, waiters, '1', topic)
return { 'passed', granted or '', fence or 0 }
