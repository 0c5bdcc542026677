-- The steps of an exchange that move jobs on.
-- BRINGS check_types split read_bodies refresh_after_silence promote claim next_due others

-- A key of another type fails here, before the first write.
local function check_types(meta, ready, suspects, timers, inflight, wake, dead)
  redis.call('HLEN', meta)
  redis.call('LLEN', ready)
  redis.call('LLEN', suspects)
  redis.call('ZCARD', timers)
  redis.call('HLEN', inflight)
  redis.call('ZCARD', wake)
  redis.call('LLEN', dead)
end

local function split(ids)
  local list = {}
  for id in string.gmatch(ids, '%d+') do list[#list + 1] = id end
  return list
end

local function read_bodies(inflight, ids)
  local bodies = {}
  for _, id in ipairs(ids) do
    local body = redis.call('HGET', inflight, id)
    if body then bodies[#bodies + 1] = body end
  end
  return bodies
end

-- Nobody called for long: the server stood still, or its clock jumped. The leases say nothing about
-- who lives then, so each gets one fresh period. Returns whether that was so.
local function refresh_after_silence(meta, leases, lease_us)
  local last_us = tonumber(redis.call('HGET', meta, 'last_us') or now_us)
  redis.call('HSET', meta, 'last_us', now_us)
  if math.abs(now_us - last_us) * 3 <= lease_us then return false end
  for _, epoch in ipairs(redis.call('ZRANGE', leases, 0, 999)) do
    redis.call('ZADD', leases, now_us + lease_us, epoch)
  end
  return true
end

local function promote(timers, ready)
  local due = redis.call('ZRANGEBYSCORE', timers, '-inf', now_us, 'LIMIT', 0, 100)
  if #due == 0 then return end
  redis.call('ZREM', timers, unpack(due))
  redis.call('RPUSH', ready, unpack(due))
end

-- At most one suspect for an epoch, then the longest ready. What is left for others to claim wakes
-- the next of them; a suspect that only someone else may take must not wake this one in a circle.
local function claim(ready, suspects, inflight, wake, want)
  local bodies, ids, fields = {}, {}, {}
  if want > 0 and redis.call('HEXISTS', inflight, 'suspect') == 0 then
    bodies[1] = redis.call('LPOP', suspects) or nil
    if bodies[1] then redis.call('HSET', inflight, 'suspect', body_id(bodies[1])) end
  end
  if want > #bodies then
    for _, body in ipairs(redis.call('LPOP', ready, want - #bodies) or {}) do
      bodies[#bodies + 1] = body
    end
  end
  for i, body in ipairs(bodies) do
    ids[i] = body_id(body)
    fields[i * 2 - 1], fields[i * 2] = ids[i], body
  end
  if #fields > 0 then redis.call('HSET', inflight, unpack(fields)) end
  local left = redis.call('LLEN', ready) + (#bodies > 0 and redis.call('LLEN', suspects) or 0)
  if left > 0 then redis.call('ZADD', wake, 0, 'wake') end
  return bodies, ids
end

local function next_due(timers)
  local head = redis.call('ZRANGE', timers, 0, 0, 'WITHSCORES')[2]
  return head and math.max(0, tonumber(head) - now_us) or ''
end

-- Whether other epochs hold leases, and one of them that is over.
local function others(leases, epoch, silent)
  local first = redis.call('ZRANGE', leases, 0, 1, 'WITHSCORES')
  local at = first[1] == epoch and 3 or 1
  if not first[at] then return 0, '' end
  local over = not silent and tonumber(first[at + 1]) <= now_us
  return 1, over and first[at] or ''
end
