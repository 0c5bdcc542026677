-- Hands a free lock over to whoever has waited longest and listens, where one who came later found it free.
-- KEYS  lock     string, see state.lua
-- KEYS  line     zset owner -> place
-- KEYS  waiters  hash owner -> waiter
-- ARGV  to_jobs  digits  1: not where a caller is the first, who counts for no longer than one who is dead would have it
-- ARGV  topic    string  what a grant is published under
-- REPLY passed granted:string fence:integer
-- REPLY deaf   nobody who waits listens
-- REPLY kept   it is not free, a caller is the first, or more wait than one call tells
-- COST  O(log waiters)
-- REPEAT safe  whoever got it has it
-- USE   clock facts gate/line engine/digits lock/state lock/ownership lock/grant
local state = lock_read(lock)
redis.call('HLEN', waiters)
if not state or is_held(state) then return { 'kept' } end
local first = to_jobs == '1' and line_find(line, waiters)
if first and string.sub(redis.call('HGET', waiters, first), 1, 4) ~= 'job ' then return { 'kept' } end
local granted, fence = hand_over(lock, state, line, waiters, '1', topic)
if granted then return { 'passed', granted, fence } end
if redis.call('ZCARD', line) > 16 then return { 'kept' } end
return { 'deaf' }
