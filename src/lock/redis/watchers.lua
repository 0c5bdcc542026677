-- Clients that want to be told of something, and until when.
--   watchers  zset  client -> deadline_us
-- BRINGS watch tell_watchers

-- The first write needs no memory, so that a full server serves those who wait.
local function watch(watchers)
  redis.call('ZREMRANGEBYSCORE', watchers, '-inf', string.format('%.0f', now_us))
  redis.call('ZADD', watchers, string.format('%.0f', now_us + 60000000), self)
  redis.call('PEXPIRE', watchers, 60000)
end

-- At most 1,000 of them: the others look by themselves before long. Returns how many.
local function tell_watchers(watchers, message)
  local after = string.format('(%.0f', now_us)
  local clients = redis.call('ZRANGEBYSCORE', watchers, after, '+inf', 'LIMIT', 0, 1000)
  for _, client in ipairs(clients) do redis.call('PUBLISH', inbox .. client, message) end
  return #clients
end
