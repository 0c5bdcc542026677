-- The steps of an exchange that concern all consumers.
-- BRINGS split read_bodies recall hold keep_lease next_due refresh_after_silence others

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

-- What is known of this very call: nothing if it is new, 'again' and its answer, or 'lost'. That is where
-- a later call was answered already; or one that was answered is missing, after a failover to a
-- replica that had not seen it: what was settled then would be held for ever.
local function recall(previous, sequence, lease)
  if not previous then return nil end
  local done, fence, ids, stale = string.match(previous, '^(%d+);(%d+);([%d,]*);([%d,]*)$')
  if tonumber(done) > sequence or tonumber(done) < sequence - 1 then return 'lost' end
  if tonumber(done) < sequence then return nil end
  if ids ~= '' and not lease then return 'lost' end
  return 'again', split(ids), tonumber(fence), split(stale)
end

-- In flight from now on. Answers the ids.
local function hold(inflight, bodies, suspect)
  local ids, fields = {}, suspect and { 'suspect', suspect } or {}
  for i = 1, #bodies do
    ids[i] = string.sub(bodies[i], 1, 16)
    fields[#fields + 1] = ids[i]
    fields[#fields + 1] = bodies[i]
  end
  if #fields > 0 then redis.call('HSET', inflight, unpack(fields)) end
  return ids
end

-- There is one exactly while something is in flight.
local function keep_lease(leases, inflight, epoch, lease_us)
  if redis.call('HLEN', inflight) > 0 then
    redis.call('ZADD', leases, now_us + lease_us, epoch)
  else
    redis.call('ZREM', leases, epoch)
  end
end

-- `heads` are the buckets of timed jobs that are due first.
local function next_due(heads)
  return heads[2] and math.max(0, tonumber(heads[2]) - now_us) or ''
end

-- Nobody called for long: the server stood still, or its clock jumped. The leases say nothing about
-- who lives then, so each gets one fresh period. Returns whether that was so.
local function refresh_after_silence(last_us, leases, lease_us)
  if math.abs(now_us - last_us) * 3 <= lease_us then return false end
  for _, epoch in ipairs(redis.call('ZRANGE', leases, 0, 999)) do
    redis.call('ZADD', leases, now_us + lease_us, epoch)
  end
  return true
end

-- Whether other epochs hold leases, and one of them that is over.
local function others(leases, epoch, silent)
  local first = redis.call('ZRANGE', leases, 0, 1, 'WITHSCORES')
  local at = first[1] == epoch and 3 or 1
  if not first[at] then return 0, '' end
  local over = not silent and tonumber(first[at + 1]) <= now_us
  return 1, over and first[at] or ''
end
