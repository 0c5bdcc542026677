-- How many permits there are, and who holds them.
--   semaphore  hash  {permits, agreed, used, solo, fence, ends_us, releases, released:N, …}
--   holders    zset  owner -> expires_us
--   held       hash  owner -> 'weight solo since_us fence metadata'
-- `agreed` lists the numbers of permits that may be said, `used` is the sum of the weights, `solo` the
-- one owner that holds alone, `ends_us` when the last of the leases will be over, `released:N` who
-- released lately. Whether a lease is over is said by expires_us; the TTLs of keys only collect
-- garbage, and keep the fence for a day after the last use.
-- BRINGS LONGEST_LEASE_US hold_read pool_open pool_save begin_draining

local FENCE_IDLE_MS = 86400000
local LONGEST_LEASE_US = 86400000000

local function hold_read(entry)
  local weight, solo, since_us, fence, metadata =
    string.match(entry or '', '^(%d+) ([01]) (%d+) (%d+) (.*)$')
  if not weight then return nil end
  return {
    weight = tonumber(weight), solo = tonumber(solo), since_us = tonumber(since_us),
    fence = tonumber(fence), metadata = metadata,
  }
end

-- Sums up what is held, where somebody removed the hash that says so.
local function count_anew(at)
  local held = at.held
  local entries = redis.call('HGETALL', held)
  for index = 1, #entries, 2 do
    local hold = hold_read(entries[index + 1])
    at.used = at.used + (hold and hold.weight or 0)
    if hold and hold.solo == 1 then at.solo = entries[index] end
  end
  at.ends_us = now_us + LONGEST_LEASE_US
end

-- What a call of `owner` works with; `own` is what it holds. Every key is looked at here, before
-- anything is written.
local function pool_open(semaphore, holders, held, line, waiters, owner)
  local values = redis.call('HMGET', semaphore, 'permits', 'agreed', 'used', 'solo', 'fence',
    'ends_us', 'releases')
  local first = redis.call('ZRANGE', holders, 0, 0, 'WITHSCORES')
  local entry = redis.call('HGET', held, owner)
  redis.call('HLEN', waiters)
  local is_idle = #first == 0
  local at = {
    semaphore = semaphore, holders = holders, held = held, line = line, waiters = waiters,
    waiter_count = redis.call('ZCARD', line),
    permits = tonumber(values[1] or 0),
    agreed = values[2] or '',
    used = is_idle and 0 or tonumber(values[3] or 0),
    solo = is_idle and '' or values[4] or '',
    fence = tonumber(values[5] or 0),
    ends_us = is_idle and 0 or tonumber(values[6] or 0),
    releases = tonumber(values[7] or 0),
    first_ends_us = tonumber(first[2]),
    owner = owner,
    own = not is_idle and hold_read(entry) or nil,
    is_changed = false, needs_ttl = not values[5],
    granted = {}, fences = {},
  }
  if not is_idle and not values[3] then count_anew(at) end
  return at
end

local function pool_save(at)
  if not at.is_changed then return end
  local semaphore, holders, held = at.semaphore, at.holders, at.held
  redis.call('HSET', semaphore, 'permits', at.permits, 'agreed', at.agreed, 'used', at.used,
    'solo', at.solo, 'fence', at.fence, 'ends_us', at.ends_us)
  if not at.needs_ttl then return end
  local lease_ms = math.ceil(math.max(0, at.ends_us - now_us) / 1000)
  redis.call('PEXPIRE', semaphore, lease_ms + FENCE_IDLE_MS)
  redis.call('PEXPIRE', holders, lease_ms + 60000)
  redis.call('PEXPIRE', held, lease_ms + 60000)
end

-- A full server refuses a script whose first write may need memory. This one frees, so the rest runs.
local function begin_draining(at)
  local semaphore = at.semaphore
  redis.call('HDEL', semaphore, '')
end
