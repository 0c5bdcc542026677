-- Reads events; where there are none, this client is told of the next, for a minute.
-- KEYS  events    stream, see events.lua
-- KEYS  watchers  zset channel -> until_us
-- ARGV  from   string   `now`, `start`, or the number of the last one that was read
-- ARGV  limit  integer
-- ARGV  most_watchers  integer
-- REPLY read  entries:strings last:string now:string
-- Of each entry its id, how many texts it has, and these. The last is the number of the newest event, or empty.
-- COST  O(limit), at most 100 entries
-- REPEAT safe
-- USE   clock facts
redis.call('ZCARD', watchers)
local newest = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
local last, entries = newest and string.match(newest[1], '^%d+') or '', {}
if from ~= 'now' then
  local first = from == 'start' and '-' or string.format('%.0f', tonumber(from) + 1)
  for _, entry in ipairs(redis.call('XRANGE', events, first, '+', 'COUNT', limit)) do
    entries[#entries + 1] = entry[1]
    entries[#entries + 1] = tostring(#entry[2])
    for _, text in ipairs(entry[2]) do entries[#entries + 1] = text end
  end
end
if #entries == 0 then
  redis.call('ZREMRANGEBYSCORE', watchers, '-inf', string.format('%.0f', now_us))
  if redis.call('ZCARD', watchers) < most_watchers then
    redis.call('ZADD', watchers, string.format('%.0f', now_us + 60000000), inbox .. self)
    redis.call('PEXPIRE', watchers, 60000)
  end
end
return { 'read', entries, last, now_text }
