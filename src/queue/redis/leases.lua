-- The leases of the consumers of a queue: zset epoch -> deadline_us.
-- BRINGS read_leases keep_lease refresh_after_silence over

-- Whether an epoch has a lease, and what is known of the others: the one whose lease ends first, and when.
local function read_leases(leases, epoch)
  local first = redis.call('ZRANGE', leases, 0, 1, 'WITHSCORES')
  if first[1] == epoch then return true, first[3], first[4] end
  local has_lease = first[3] == epoch or (first[3] and redis.call('ZSCORE', leases, epoch) and true)
  return has_lease, first[1], first[2]
end

-- There is one exactly while something is in flight: `is_sure` of what was put there just now.
local function keep_lease(leases, inflight, epoch, lease_us, has_lease, is_sure)
  if is_sure or redis.call('HLEN', inflight) > 0 then
    redis.call('ZADD', leases, digits_of(now_us + lease_us), epoch)
  elseif has_lease then
    redis.call('ZREM', leases, epoch)
  end
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

-- Another epoch, if its lease is over.
local function over(other, until_us, silent)
  return other and not silent and tonumber(until_us) <= now_us and other or ''
end
