-- Leases that are over, and who gave up what in time. A call ends at most 1,024 of them.
-- BRINGS RELEASERS end_leases

local RELEASERS = 32
local MOST_ENDED = 1024

-- A lease that ran out was not released, whatever its owner did before.
local function forget_releases(at, ended)
  local semaphore = at.semaphore
  local fields = {}
  for slot = 0, RELEASERS - 1 do fields[slot + 1] = 'released:' .. slot end
  for index, owner in ipairs(redis.call('HMGET', semaphore, unpack(fields))) do
    if owner and ended[owner] then redis.call('HDEL', semaphore, fields[index]) end
  end
end

-- Ends some of the leases that are over; with them goes the place of who waited to hold more.
local function end_leases(at)
  if not at.first_ends_us or at.first_ends_us > now_us then return end
  local holders, held, line, waiters = at.holders, at.held, at.line, at.waiters
  local owners = redis.call('ZRANGEBYSCORE', holders, '-inf', now_us, 'LIMIT', 0, MOST_ENDED)
  local entries = redis.call('HMGET', held, unpack(owners))
  redis.call('ZREM', line, unpack(owners))
  redis.call('HDEL', waiters, unpack(owners))
  local ended = {}
  for index, owner in ipairs(owners) do
    hold_drop(at, owner, hold_read(entries[index]) or { weight = 0 })
    ended[owner] = true
  end
  forget_releases(at, ended)
  at.has_more_ended = #owners == MOST_ENDED
  if at.own and (ended[at.owner] or at.has_more_ended and is_over(at, at.owner)) then at.own = nil end
end
