-- A bucket that is refilled in steps, on one key: string 'used at_us'. The same arithmetic as
-- ../bucket.ts, where the reasons are; both engines must give the same answers.
-- BRINGS judge_bucket charge_bucket

-- Reads only. Nil when the key holds something else. `how` is a part of a take, as parts.lua says.
local function judge_bucket(state, capacity, interval_us, refill, is_aligned, cost, how)
  local used, at_us = 0, now_us
  local stored = how and how.text
  if not how then stored = redis.call('GET', state) end
  if stored then
    local units, at = string.match(stored, '^(%d+) (%d+)$')
    used, at_us = tonumber(units), tonumber(at)
    if not (used and used < 2 ^ 53 and at_us < 2 ^ 53) then return nil end
  end
  local start_us = is_aligned == 1 and now_us - now_us % interval_us or now_us
  if is_aligned == 1 then at_us = at_us - at_us % interval_us end
  local steps = math.max(0, math.floor((now_us - at_us) / interval_us))
  local most = capacity + math.max(capacity, math.floor(3600000000 / interval_us) * refill)
  used = math.max(0, math.min(used, most) - steps * refill)
  at_us = used == 0 and start_us or at_us + steps * interval_us

  local fits, retry_us, after = false, 0, used
  if how and how.is_penalty then
    fits, after = true, math.max(used, math.min(used + cost, most))
  elseif cost <= capacity then
    local lacking = used + cost - capacity
    local put_off_us = how and how.put_off_us or 0
    local refilled = math.max(0, math.floor((now_us + put_off_us - at_us) / interval_us)) * refill
    fits, after = lacking <= refilled, math.max(0, math.max(used, refilled) + cost)
    if not fits then
      retry_us = at_us + math.ceil(lacking / refill) * interval_us - now_us
      -- Longer than what is missing takes to come: the state is from a clock that ran ahead.
      after = math.max(capacity, used)
      fits = retry_us > math.ceil(after / refill) * interval_us
      if fits then at_us = start_us else after = used end
    end
  end
  local refilled_us = math.ceil(after / refill) * interval_us
  return {
    fits = fits,
    remaining = math.max(0, capacity - after),
    retry_us = retry_us,
    reset_us = math.max(0, refilled_us - math.max(0, now_us - at_us)),
    used = after,
    paid = after - used,
    at_us = at_us,
  }
end

local function charge_bucket(state, verdict)
  if verdict.reset_us == 0 then return redis.call('UNLINK', state) end
  local text = (verdict.prefix or '') .. string.format('%.0f %.0f', verdict.used, verdict.at_us)
  repeat redis.call('SET', state, text, 'PXAT', until_ms(verdict.reset_us))
  until stays(state, verdict.reset_us)
end
