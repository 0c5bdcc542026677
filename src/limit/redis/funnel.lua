-- What a funnel says to a take. The same arithmetic as ../funnel.ts, where the reasons are; both engines
-- must give the same answers.
-- BRINGS weigh_funnel judge_funnel pour_more funnel_left charge_funnel

-- Whether it fits, the debt after it, the wait, the debt now, and what was stored and how old that is:
-- no table, as most takes need no more. Nil when the key holds something else. `how` is a part of a
-- take, as parts.lua says.
local function weigh_funnel(stored, capacity, emission_us, cost, how)
  local full_us = capacity * emission_us
  local slack_us, before_us, at_us = slack_of(full_us), 0, now_us
  if stored then
    before_us, at_us = read_funnel(stored, full_us)
    if not (before_us and at_us and before_us >= 0 and before_us < 2 ^ 53) then return nil end
  end
  local elapsed_us = now_us - at_us
  local most_us = full_us + math.max(full_us, 3600000000)
  local debt_us = math.max(0, math.min(before_us, most_us) - math.max(0, elapsed_us))
  if how and how.is_penalty then
    local after_us = math.max(debt_us, math.min(debt_us + cost * emission_us, most_us))
    return true, after_us, 0, debt_us, before_us, elapsed_us
  end
  if cost > capacity then return false, debt_us, 0, debt_us, before_us, elapsed_us end
  local excess_us = debt_us + cost * emission_us - full_us
  local put_off_us = how and how.put_off_us or 0
  if excess_us <= slack_us + put_off_us then
    local after_us = math.max(0, math.max(debt_us, put_off_us) + cost * emission_us)
    return true, after_us, 0, debt_us, before_us, elapsed_us
  end
  local retry_us = math.max(0, -elapsed_us) + math.ceil(excess_us - slack_us)
  -- Longer than what is owed takes to leak: the state is from a clock that ran ahead.
  local longest_us = math.max(full_us, debt_us)
  if retry_us > math.ceil(longest_us) then return true, longest_us, retry_us, debt_us, before_us, elapsed_us end
  return false, debt_us, retry_us, debt_us, before_us, elapsed_us
end

-- Units that are left, and until it is empty.
local function funnel_left(debt_us, full_us, emission_us)
  local slack_us = slack_of(full_us)
  local remaining = math.max(0, math.floor((full_us + slack_us - debt_us) / emission_us))
  return remaining, math.max(0, math.ceil(debt_us - slack_us))
end

local function judge_funnel(state, capacity, emission_us, cost, how)
  local stored = how and how.text
  if not how then stored = redis.call('GET', state) end
  local fits, after_us, retry_us, debt_us = weigh_funnel(stored, capacity, emission_us, cost, how)
  if fits == nil then return nil end
  local full_us = capacity * emission_us
  local remaining, reset_us = funnel_left(after_us, full_us, emission_us)
  return {
    fits = fits,
    remaining = remaining,
    retry_us = retry_us,
    reset_us = reset_us,
    debt_us = after_us,
    paid = after_us - debt_us,
    full_us = full_us,
  }
end

-- The debt after up to so many takes more, each equal to one that was allowed.
local function pour_more(debt_us, capacity, emission_us, cost, times)
  local full_us = capacity * emission_us
  local slack_us = slack_of(full_us)
  for _ = 1, times do
    local after_us = math.min(debt_us, full_us) + cost * emission_us
    if after_us - full_us > slack_us then break end
    debt_us = after_us
  end
  return debt_us
end

local function charge_funnel(state, verdict)
  if verdict.reset_us == 0 then return redis.call('UNLINK', state) end
  local text = (verdict.prefix or '') .. funnel_text(verdict.debt_us, verdict.full_us)
  repeat redis.call('SET', state, text, 'PXAT', until_ms(verdict.reset_us))
  until stays(state, verdict.reset_us)
end
