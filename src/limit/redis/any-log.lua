-- A sliding log that may be kept as either of its layouts: that of the rule which charged last.
-- BRINGS judge_any_log charge_any_log

local function layouts_of(rule)
  if rule[5] == 1 then return list_log, set_log end
  return set_log, list_log
end

local function judge_any_log(rule, state, cost, how)
  local own, other = layouts_of(rule)
  return judge_log(own, state, rule[2], rule[3], cost, how)
    or judge_log(other, state, rule[2], rule[3], cost, how)
end

-- Of what is in the window no unit is lost, and none is when it was not. At most twice the limit.
local function move_log(own, state, verdict)
  local last = -1 - verdict.ahead
  local times = verdict.settled > 0 and verdict.log.times(state, last - verdict.settled + 1, last) or {}
  redis.call('UNLINK', state)
  for _, us in ipairs(times) do own.put(state, us, 1) end
  verdict.log, verdict.ahead, verdict.gone = own, 0, 0
end

local function charge_any_log(rule, state, verdict)
  local own = layouts_of(rule)
  if verdict.units > 0 and verdict.log ~= own then move_log(own, state, verdict) end
  charge_log(state, rule[3], verdict)
end
