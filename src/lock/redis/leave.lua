-- Withdraws an owner: out of the line, refused if an earlier call of it arrives late, and what it
-- was granted meanwhile is handed over.
-- KEYS  lock     hash {owner, fence, since_us, expires_us}
-- KEYS  line     zset owner -> place
-- KEYS  waiters  hash owner -> waiter
-- KEYS  gone     string
-- ARGV  owner    string
-- ARGV  gone_ms  integer  how long a late call may still arrive
-- ARGV  self     string
-- ARGV  inbox    string
-- ARGV  floor    integer
-- ARGV  counted  integer  1 where PUBLISH counts every listener, 0 in a cluster
-- REPLY left  granted:string fence:integer
-- COST  O(log waiters)
-- REPEAT safe
-- USE   clock gate/line lock/ownership
local state = redis.call('HMGET', lock, 'owner', 'expires_us', 'fence')
redis.call('HLEN', waiters)
line_leave(line, waiters, owner)
redis.call('SET', gone, '1', 'PX', gone_ms)
if state[1] ~= owner or tonumber(state[2] or 0) <= now_us then return { 'left', '', 0 } end
redis.call('HDEL', lock, 'owner', 'since_us', 'expires_us')
local granted, fence = hand_over(lock, line, waiters, state[3], floor, self, inbox, counted)
return { 'left', granted, fence }
