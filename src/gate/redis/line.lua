-- The line in front of a gate: who waits, in which order, and until when each of them counts.
--   line     zset  owner -> place
--   waiters  hash  owner -> 'kind deadline_us claim_us'; kind is caller or job
-- BRINGS line_read line_leave line_first line_join

local function line_read(waiters, owner)
  local entry = redis.call('HGET', waiters, owner)
  if not entry then return nil end
  local kind, deadline_us, claim_us = string.match(entry, '^(%a+) (%d+) (%d+)$')
  return kind, tonumber(deadline_us), tonumber(claim_us)
end

local function line_leave(line, waiters, owner)
  redis.call('ZREM', line, owner)
  redis.call('HDEL', waiters, owner)
end

-- The first live waiter after `skip` others. The dead in front of it are dropped: at most 16 per
-- call, so that a line full of them holds up no server.
local function line_first(line, waiters, skip)
  for _ = 1, 16 do
    local owner = redis.call('ZRANGE', line, skip, skip)[1]
    if not owner then return nil end
    local kind, deadline_us, claim_us = line_read(waiters, owner)
    if kind and deadline_us >= now_us then return owner, claim_us end
    line_leave(line, waiters, owner)
  end
  return nil
end

-- Joins at the end, or keeps the place and moves the deadline. Returns the place, 0 being the head.
local function line_join(line, waiters, owner, kind, claim_us)
  if redis.call('HEXISTS', waiters, owner) == 0 then
    local last = redis.call('ZREVRANGE', line, 0, 0, 'WITHSCORES')[2]
    redis.call('ZADD', line, math.max(tonumber(last or 0) + 1, now_us), owner)
  end
  local entry = string.format('%s %.0f %.0f', kind, now_us + claim_us, claim_us)
  redis.call('HSET', waiters, owner, entry)
  -- Heartbeats come every third of a claim lease, and no claim lease is longer than 3 s.
  redis.call('PEXPIRE', line, 60000)
  redis.call('PEXPIRE', waiters, 60000)
  return redis.call('ZRANK', line, owner)
end
