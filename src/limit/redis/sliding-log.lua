-- A sliding log on one key: zset with a member per admitted unit, scored by when, in microseconds.
-- BRINGS judge_log charge_log

-- Reads only: it counts what is in the window and leaves what is not. A unit from the future, left
-- by a clock that ran ahead, counts as one of now, and is written as such by the next charge.
local function judge_log(state, limit, per_us, cost)
  local now = string.format('%.0f', now_us)
  local count = redis.call('ZCOUNT', state, string.format('(%.0f', now_us - per_us), '+inf')
  local newest_us = tonumber(redis.call('ZRANGE', state, -1, -1, 'WITHSCORES')[2]) or 0
  local ahead = newest_us > now_us and redis.call('ZCOUNT', state, '(' .. now, '+inf') or 0
  local fits, retry_us = cost <= 0 or count + cost <= limit, 0
  if not fits and cost <= limit then
    -- The newest `limit - cost` units may stay in the window; the one before them has to leave.
    local leaver = redis.call('ZRANGE', state, cost - limit - 1, cost - limit - 1, 'WITHSCORES')
    retry_us = tonumber(leaver[2]) + per_us - now_us
    -- A refusal writes nothing, so it could not pull the future back: one take fits instead.
    fits = retry_us > per_us
  end
  if fits and cost > 0 then
    local settled = count - ahead
    local units = cost + math.max(0, math.min(ahead, limit - cost - settled))
    local remaining = math.max(0, limit - settled - units)
    return { fits = true, remaining = remaining, reset_us = per_us, units = units, ahead = ahead }
  end
  -- What is given back was taken last.
  local back = math.min(count, math.max(0, -cost))
  if back > 0 then
    newest_us = tonumber(redis.call('ZRANGE', state, -1 - back, -1 - back, 'WITHSCORES')[2]) or 0
    count = count - back
  end
  return {
    fits = fits,
    units = -back,
    remaining = math.max(0, limit - count),
    retry_us = retry_us,
    reset_us = math.max(0, math.min(newest_us, now_us) + per_us - now_us),
  }
end

local function charge_log(state, per_us, verdict, until_ms)
  if verdict.reset_us == 0 then return redis.call('UNLINK', state) end
  if verdict.units <= 0 then
    if verdict.units < 0 then redis.call('ZREMRANGEBYRANK', state, verdict.units, -1) end
    return redis.call('PEXPIREAT', state, until_ms)
  end
  local now, gone = string.format('%.0f', now_us), string.format('%.0f', now_us - per_us)
  local taken = redis.call('ZCOUNT', state, now, now)
  for first = 1, verdict.units, 1000 do
    local entries = {}
    for unit = first, math.min(first + 999, verdict.units) do
      entries[#entries + 1] = now
      -- All of one length, so that the last in order is the last one taken: what is given back
      -- leaves no gap, and no later unit of this instant gets a name that is taken.
      entries[#entries + 1] = string.format('%s:%05d', now, taken + unit)
    end
    redis.call('ZADD', state, unpack(entries))
  end
  if verdict.ahead > 0 then redis.call('ZREMRANGEBYSCORE', state, '(' .. now, '+inf') end
  -- More than was added, so that what has left the window never piles up; bounded all the same.
  local old = math.min(redis.call('ZCOUNT', state, '-inf', gone), 2 * verdict.units + 100)
  if old > 0 then redis.call('ZREMRANGEBYRANK', state, 0, old - 1) end
  redis.call('PEXPIREAT', state, until_ms)
end
