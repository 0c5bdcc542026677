-- Says which store this is and which mark the client left in it last, and leaves a mark of now.
-- KEYS  store  string, the id of the store, for 30 days
-- KEYS  mark   string, the time of this client's last touch, for an hour
-- ARGV  candidate  string  the id that a store without one gets
-- REPLY touched  id:string mark_us:integer? touched_us:integer
-- COST  O(1)
-- REPEAT safe
-- USE   clock
local id = redis.call('GET', store)
local mark_us = redis.call('GET', mark) or ''
redis.call('SET', store, id or candidate, 'PX', 2592000000)
redis.call('SET', mark, string.format('%.0f', now_us), 'PX', 3600000)
return { 'touched', id or candidate, mark_us, now_us }
