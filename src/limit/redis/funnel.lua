-- A funnel on one key: string 'debt_us at_us'. The same arithmetic as ../funnel.ts, where the
-- reasons are; both engines must give the same answers.
-- BRINGS judge_funnel charge_funnel

-- Reads only. Nil when the key holds something else.
local function judge_funnel(state, capacity, emission_us, cost)
  local debt_us, at_us = 0, now_us
  local stored = redis.call('GET', state)
  if stored then
    local debt, at = string.match(stored, '^(%S+) (%d+)$')
    debt_us, at_us = tonumber(debt), tonumber(at)
    if not (debt_us and at_us and debt_us >= 0 and debt_us < 2 ^ 53) then return nil end
  end
  local full_us = capacity * emission_us
  local slack_us = math.min(0.25, full_us * 2 ^ -44)
  debt_us = math.max(0, math.min(debt_us, full_us) - math.max(0, now_us - at_us))

  local fits, retry_us, after_us = false, 0, debt_us
  if cost <= capacity then
    local excess_us = debt_us + cost * emission_us - full_us
    fits, after_us = excess_us <= slack_us, math.max(0, debt_us + cost * emission_us)
    if not fits then
      retry_us = math.max(0, at_us - now_us) + math.ceil(excess_us - slack_us)
      -- Longer than a full funnel takes to empty: the state is from a clock that ran ahead.
      fits, after_us = retry_us > math.ceil(full_us), debt_us
      if fits then after_us = full_us end
    end
  end
  return {
    fits = fits,
    remaining = math.max(0, math.floor((full_us + slack_us - after_us) / emission_us)),
    retry_us = retry_us,
    reset_us = math.max(0, math.ceil(after_us - slack_us)),
    debt_us = after_us,
  }
end

local function charge_funnel(state, verdict, until_ms)
  if verdict.reset_us == 0 then return redis.call('UNLINK', state) end
  local text = string.format('%.17g %.0f', verdict.debt_us, now_us)
  redis.call('SET', state, text, 'PXAT', until_ms)
end
