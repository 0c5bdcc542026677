-- The line in front of a gate: who waits, in which order, and until when each of them counts.
--   line     zset  owner -> place
--   waiters  hash  owner -> 'kind deadline_us claim_us weight metadata'; kind is caller or job
-- BRINGS line_read line_leave line_find line_join

local function line_read(entry)
  if not entry then return nil end
  local kind, deadline_us, claim_us, weight, metadata =
    string.match(entry, '^(%a+) (%d+) (%d+) (%d+) (.*)$')
  return kind, tonumber(deadline_us), tonumber(claim_us), tonumber(weight), metadata
end

local function line_leave(line, waiters, owner)
  redis.call('ZREM', line, owner)
  redis.call('HDEL', waiters, owner)
end

-- The first live waiter for which `suits(owner, claim_us, weight, metadata)` answers true; who does
-- not suit keeps its place. The dead are dropped on the way. About `most` are looked at, 1,024 if it
-- is not said: a line full of the dead holds up no server. Returns owner, claim_us, weight, metadata.
local function line_find(line, waiters, suits, most)
  local skip, looked_at, step = 0, 0, 1
  while looked_at < (most or 1024) do
    local owners = redis.call('ZRANGE', line, skip, skip + step - 1)
    if #owners == 0 then return nil end
    local entries = redis.call('HMGET', waiters, unpack(owners))
    for index, owner in ipairs(owners) do
      local kind, deadline_us, claim_us, weight, metadata = line_read(entries[index])
      if not kind or deadline_us < now_us then
        line_leave(line, waiters, owner)
      elseif suits(owner, claim_us, weight, metadata) then
        return owner, claim_us, weight, metadata
      else
        skip = skip + 1
      end
    end
    looked_at, step = looked_at + #owners, 64
  end
  return nil
end

-- Joins at the end, or keeps the place and moves the deadline. Returns the place, 0 being the head.
local function line_join(line, waiters, owner, kind, claim_us, weight, metadata)
  if redis.call('HEXISTS', waiters, owner) == 0 then
    local last = redis.call('ZREVRANGE', line, 0, 0, 'WITHSCORES')[2]
    redis.call('ZADD', line, math.max(tonumber(last or 0) + 1, now_us), owner)
  end
  local entry =
    string.format('%s %.0f %.0f %d %s', kind, now_us + claim_us, claim_us, weight, metadata)
  redis.call('HSET', waiters, owner, entry)
  -- Heartbeats come every third of a claim lease, and no claim lease is longer than 3 s.
  redis.call('PEXPIRE', line, 60000)
  redis.call('PEXPIRE', waiters, 60000)
  return redis.call('ZRANK', line, owner)
end
