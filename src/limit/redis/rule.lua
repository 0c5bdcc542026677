-- Any rule, written as 'kind limit pace_us step flag'. Its kind says which fragment beside this one
-- judges and charges, and what the numbers are:
--   funnel       capacity   in which one unit leaks out
--   slidingLog   limit      length of the window                              1: as log-list.lua says
--   bucket       capacity   between two refills           units of a refill       1: aligned
--   counter      limit      length of a slice             slices of the period    1: strict
--   concurrency  limit      lease
-- BRINGS read_rule judge charge

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

-- `how` is a part of a take, as parts.lua says.
local function judge(rule, state, cost, how)
  local kind, limit, pace_us = rule[1], rule[2], rule[3]
  if kind == 'funnel' then return judge_funnel(state, limit, pace_us, cost, how) end
  if kind == 'slidingLog' then return judge_any_log(rule, state, cost, how) end
  if kind == 'bucket' then return judge_bucket(state, limit, pace_us, rule[4], rule[5], cost, how) end
  if kind == 'concurrency' then return judge_leases(state, limit, pace_us, cost) end
  return judge_counter(state, limit, pace_us, rule[4], rule[5], cost, how)
end

local function charge(rule, state, verdict, owner)
  local kind = rule[1]
  if kind == 'funnel' then charge_funnel(state, verdict)
  elseif kind == 'slidingLog' then charge_any_log(rule, state, verdict)
  elseif kind == 'bucket' then charge_bucket(state, verdict)
  elseif kind == 'concurrency' then charge_leases(state, rule[3], verdict, owner)
  else charge_counter(state, verdict) end
end
