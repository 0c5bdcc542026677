-- Changes to the pool that a call has opened: how many permits there are, who holds what, for how long.
-- BRINGS is_over hold_of lease_set hold_fits next_fence hold_take hold_drop first_holder is_agreed say_anew

local function is_over(at, owner)
  local holders = at.holders
  local ends_us = redis.call('ZSCORE', holders, owner)
  return not ends_us or tonumber(ends_us) <= now_us
end

-- What another owner holds by a lease that is not over, or nil.
local function hold_of(at, owner)
  local held = at.held
  local hold = hold_read(redis.call('HGET', held, owner))
  if hold and at.has_more_ended and is_over(at, owner) then return nil end
  return hold
end

-- A lease from now on; with `GT` one that is longer stays as it is. `CH` changes nothing.
local function lease_set(at, owner, lease_us, how)
  local holders = at.holders
  redis.call('ZADD', holders, how or 'CH', now_us + lease_us, owner)
  at.ends_us = math.min(math.max(at.ends_us, now_us + lease_us), now_us + LONGEST_LEASE_US)
  at.is_changed, at.needs_ttl = true, true
end

-- Whether there is room for it beside the other holders; `before` is what the owner holds now.
local function hold_fits(at, owner, weight, solo, before)
  local more = weight - (before and before.weight or 0)
  local has_room = more <= 0 or at.used + more <= at.permits
  return has_room and (solo == 0 or at.solo == '' or at.solo == owner)
end

local function next_fence(at)
  return math.max(at.fence + 1, floor + 1, now_us)
end

-- Gives the owner what it asks for, instead of `before`. Its lease is set apart.
local function hold_take(at, owner, weight, solo, metadata, before)
  local held = at.held
  at.fence = next_fence(at)
  at.used = at.used - (before and before.weight or 0) + weight
  if solo == 1 then at.solo = owner elseif at.solo == owner then at.solo = '' end
  local since_us = before and before.since_us or now_us
  redis.call('HSET', held, owner,
    string.format('%d %d %.0f %.0f %s', weight, solo, since_us, at.fence, metadata))
  at.is_changed = true
  return at.fence
end

local function hold_drop(at, owner, hold)
  local holders, held = at.holders, at.held
  redis.call('ZREM', holders, owner)
  redis.call('HDEL', held, owner)
  at.used = math.max(0, at.used - hold.weight)
  if at.solo == owner then at.solo = '' end
  at.is_changed = true
end

-- Whose lease is over first, since when it holds, and what is left of it; '' when nobody holds.
local function first_holder(at)
  local holders, held = at.holders, at.held
  local first = redis.call('ZRANGE', holders, 0, 0, 'WITHSCORES')
  local remaining_us = tonumber(first[2] or 0) - now_us
  if remaining_us <= 0 then return '', 0, 0 end
  local hold = hold_read(redis.call('HGET', held, first[1]))
  return first[1], hold and hold.since_us or now_us, remaining_us
end

local function is_agreed(at, permits)
  return string.find(' ' .. at.agreed .. ' ', ' ' .. permits .. ' ', 1, true) ~= nil
end

-- From now on there are as many permits, and of the agreed numbers only this one.
local function say_anew(at, permits)
  at.permits, at.agreed, at.is_changed = permits, tostring(permits), true
end
