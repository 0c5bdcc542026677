-- Says which store this is and when it was last touched, and leaves a mark of now.
-- KEYS  store  hash {id, touched_us}, for 30 days
-- ARGV  candidate  string  the id that a store without one gets
-- REPLY touched  id:string before_us:integer touched_us:integer
-- COST  O(1)
-- REPEAT safe
-- USE   clock
local state = redis.call('HMGET', store, 'id', 'touched_us')
local id, before_us = state[1] or candidate, tonumber(state[2] or 0)
local touched_us = math.max(before_us, now_us)
redis.call('HSET', store, 'id', id, 'touched_us', touched_us)
redis.call('PEXPIRE', store, 2592000000)
return { 'touched', id, before_us, touched_us }
