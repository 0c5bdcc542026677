-- Any rule, written as 'kind limit pace_us step flag'. Its kind says which fragment beside this one
-- judges and charges, and what the numbers are:
--   funnel       capacity   in which one unit leaks out
--   slidingLog   limit      length of the window
--   bucket       capacity   between two refills           units of a refill       1: aligned
--   counter      limit      length of a slice             slices of the period    1: strict
-- BRINGS read_rule judge judge_all charge

local rules = {}

-- The takes of one call mostly share a rule.
local function read_rule(text)
  local rule = rules[text]
  if rule then return rule end
  local kind, limit, pace_us, step, flag = string.match(text, '(%S+) (%S+) (%S+) (%S+) (%S+)')
  rule = { kind, tonumber(limit), tonumber(pace_us), tonumber(step), tonumber(flag) }
  rules[text] = rule
  return rule
end

local function judge(rule, state, cost)
  local kind, limit, pace_us = rule[1], rule[2], rule[3]
  if kind == 'funnel' then return judge_funnel(state, limit, pace_us, cost) end
  if kind == 'slidingLog' then return judge_log(state, limit, pace_us, cost) end
  if kind == 'bucket' then return judge_bucket(state, limit, pace_us, rule[4], rule[5], cost) end
  return judge_counter(state, limit, pace_us, rule[4], rule[5], cost)
end

-- What each rule says to so many units, and whether all allow them. Nil and a place when a key there
-- holds something else.
local function judge_all(texts, states, units)
  local verdicts, is_allowed = {}, true
  for place = 1, #texts do
    local verdict = judge(read_rule(texts[place]), states[place], units)
    if not verdict then return nil, place end
    verdicts[place], is_allowed = verdict, is_allowed and verdict.fits
  end
  return verdicts, is_allowed
end

local function charge(rule, state, verdict)
  local kind, ends_ms = rule[1], until_ms(verdict.reset_us)
  if kind == 'funnel' then charge_funnel(state, verdict, ends_ms)
  elseif kind == 'slidingLog' then charge_log(state, rule[3], verdict, ends_ms)
  elseif kind == 'bucket' then charge_bucket(state, verdict, ends_ms)
  else charge_counter(state, verdict, ends_ms) end
end
