-- Withdraws an owner: out of the line, refused if an earlier call of it arrives late, and what it
-- was granted meanwhile is handed over.
-- KEYS  lock     string, see state.lua
-- KEYS  line     zset owner -> place
-- KEYS  waiters  hash owner -> waiter
-- KEYS  gone     string
-- SHARES fence   string, see fresh.lua
-- ARGV  owner    string
-- ARGV  gone_ms  digits  how long a late call may still arrive
-- ARGV  topic    string  what a grant is published under
-- REPLY left  granted:string fence:integer
-- COST  O(log waiters)
-- REPEAT safe
-- USE   clock facts gate/line engine/digits lock/state lock/fresh lock/ownership lock/grant
local state = lock_read(lock)
local is_blank = not state
if is_blank then state = blank_state(shared_fence) end
redis.call('HLEN', waiters)
line_leave(line, waiters, owner)
redis.call('SET', gone, '1', 'PX', gone_ms)
state = be_busy(lock, state, gone_ms * 1000, is_blank)
line_keep(line, waiters)
if not is_held(state) or not is_owner(state, owner) then return { 'left', '', 0 } end
-- Withdrawn is not released: a release of its own that comes late is told that the lease is lost.
redis.call('SETRANGE', lock, '0', 'W')
local granted, fence = hand_over(lock, 'W' .. string.sub(state, 2), line, waiters, '1', topic)
return { 'left', granted or '', fence or 0 }
