-- Stops claims of a queue, or lets them go on: then one consumer is woken.
-- KEYS  meta  hash
-- KEYS  wake  zset, one token while a claim may succeed
-- KEYS  events    stream, see events.lua
-- KEYS  watchers  zset channel -> until_us
-- ARGV  is_paused  integer
-- ARGV  events_kept  integer  0: none
-- REPLY done
-- COST  O(1)
-- REPEAT safe
-- USE   clock queue/events
redis.call('ZCARD', wake)
local told = open_events(events, watchers, events_kept)
if is_paused == 1 then
  if redis.call('HSET', meta, 'paused', 1) == 1 then note_event(told, 'P', '') end
  redis.call('ZREM', wake, 'wake')
elseif redis.call('HDEL', meta, 'paused') == 1 then
  redis.call('ZADD', wake, 0, 'wake')
  note_event(told, 'U', '')
end
write_events(told)
return { 'done' }
