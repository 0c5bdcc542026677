-- Gives the lock up, and over to whoever has waited longest.
-- KEYS  lock     hash {owner, fence, since_us, expires_us, released}
-- KEYS  line     zset owner -> place
-- KEYS  waiters  hash owner -> waiter
-- ARGV  owner   string
-- ARGV  self    string   client that releases: its own waiters are told by the reply
-- ARGV  inbox   string   channel of a client, without the client's id
-- ARGV  floor   integer
-- ARGV  counted integer  1 where PUBLISH counts every listener, 0 in a cluster
-- REPLY released  granted:string fence:integer
-- REPLY lost
-- COST  O(log waiters)
-- REPEAT safe  the lock remembers who released it last
-- USE   clock gate/line lock/ownership
local state = redis.call('HMGET', lock, 'owner', 'expires_us', 'fence', 'released')
redis.call('ZCARD', line)
redis.call('HLEN', waiters)
if state[1] ~= owner or tonumber(state[2] or 0) <= now_us then
  if state[4] == owner then return { 'released', '', 0 } end
  return { 'lost' }
end
redis.call('HDEL', lock, 'owner', 'since_us', 'expires_us')
redis.call('HSET', lock, 'released', owner)
local granted, fence = hand_over(lock, line, waiters, state[3], floor, self, inbox, counted)
return { 'released', granted, fence }
