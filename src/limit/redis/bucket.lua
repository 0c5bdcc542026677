-- A bucket that is refilled in steps, on one key: string 'used at_us'. The same arithmetic as
-- ../bucket.ts, where the reasons are; both engines must give the same answers.
-- BRINGS judge_bucket charge_bucket

-- Reads only. Nil when the key holds something else.
local function judge_bucket(state, capacity, interval_us, refill, is_aligned, cost)
  local used, at_us = 0, now_us
  local stored = redis.call('GET', state)
  if stored then
    local units, at = string.match(stored, '^(%d+) (%d+)$')
    used, at_us = tonumber(units), tonumber(at)
    if not (used and used < 2 ^ 53 and at_us < 2 ^ 53) then return nil end
  end
  local start_us = is_aligned == 1 and now_us - now_us % interval_us or now_us
  if is_aligned == 1 then at_us = at_us - at_us % interval_us end
  local steps = math.max(0, math.floor((now_us - at_us) / interval_us))
  used = math.max(0, math.min(used, capacity) - steps * refill)
  at_us = used == 0 and start_us or at_us + steps * interval_us

  local fits, retry_us, after = false, 0, used
  if cost <= capacity then
    local lacking = used + cost - capacity
    fits, after = lacking <= 0, math.max(0, used + cost)
    if not fits then
      retry_us = at_us + math.ceil(lacking / refill) * interval_us - now_us
      -- Longer than an empty bucket takes to fill: the state is from a clock that ran ahead.
      fits, after = retry_us > math.ceil(capacity / refill) * interval_us, used
      if fits then after, at_us = capacity, start_us end
    end
  end
  local refilled_us = math.ceil(after / refill) * interval_us
  return {
    fits = fits,
    remaining = capacity - after,
    retry_us = retry_us,
    reset_us = math.max(0, refilled_us - math.max(0, now_us - at_us)),
    used = after,
    at_us = at_us,
  }
end

local function charge_bucket(state, verdict, until_ms)
  if verdict.reset_us == 0 then return redis.call('UNLINK', state) end
  local text = string.format('%.0f %.0f', verdict.used, verdict.at_us)
  redis.call('SET', state, text, 'PXAT', until_ms)
end
