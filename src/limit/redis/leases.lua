-- Leases on one key: zset with a member 'lease_us:owner:number' for each unit, scored by its end.
-- BRINGS judge_leases charge_leases shorten_leases

-- Reads only. What is given back is released instead, so a cost below 0 changes nothing.
local function judge_leases(state, limit, lease_us, cost)
  local now = string.format('(%.0f', now_us)
  local count = redis.call('ZCOUNT', state, now, '+inf')
  local last_us = tonumber(redis.call('ZRANGE', state, -1, -1, 'WITHSCORES')[2]) or 0
  local fits, retry_us, units = cost <= 0 or count + cost <= limit, 0, math.max(0, cost)
  if not fits and cost <= limit then
    local place = count + cost - limit - 1
    local leaver = redis.call('ZRANGEBYSCORE', state, now, '+inf', 'WITHSCORES', 'LIMIT', place, 1)
    retry_us = tonumber(leaver[2]) - now_us
  end
  return {
    fits = fits,
    units = fits and units or 0,
    remaining = math.max(0, limit - count - (fits and units or 0)),
    retry_us = retry_us,
    reset_us = math.max(0, math.max(last_us, fits and units > 0 and now_us + lease_us or 0) - now_us),
  }
end

local function charge_leases(state, lease_us, verdict, owner)
  if verdict.units == 0 then return end
  -- More than is added, so that what is over never piles up; bounded all the same.
  local over = redis.call('ZCOUNT', state, '-inf', string.format('%.0f', now_us))
  over = math.min(over, 2 * verdict.units + 100)
  for first = 1, verdict.units, 1000 do
    local entries = {}
    for unit = first, math.min(first + 999, verdict.units) do
      entries[#entries + 1] = string.format('%.0f', now_us + lease_us)
      entries[#entries + 1] = string.format('%.0f:%s:%d', lease_us, owner, unit)
    end
    redis.call('ZADD', state, unpack(entries))
  end
  if over > 0 then redis.call('ZREMRANGEBYRANK', state, 0, over - 1) end
  redis.call('PEXPIREAT', state, until_ms(verdict.reset_us))
  if not stays(state, verdict.reset_us) then return charge_leases(state, lease_us, verdict, owner) end
end

-- The one write of a refusal: a clock that ran ahead gave leases that end too late, and nobody may
-- be let in beside them. From now on each lasts as long as it is.
local function shorten_leases(state)
  local lasting = redis.call('ZRANGE', state, -1000, -1, 'WITHSCORES')
  for index = 1, #lasting, 2 do
    local lease_us = tonumber(string.match(lasting[index], '^%d+'))
    local later_us = tonumber(lasting[index + 1]) - now_us - lease_us
    if later_us > 0 then
      note_ahead(later_us)
      redis.call('ZADD', state, 'XX', now_us + lease_us, lasting[index])
    end
  end
end
