-- What the scripts for one sliding log do, whichever way it is kept.
-- BRINGS take_by_log

-- A plain answer; or runs and a wait of several, as times.lua says. Nil when the key holds something else.
local function take_by_log(log, state, limit, per_us, cost, times)
  local verdict = judge_log(log, state, limit, per_us, cost)
  if not verdict then return nil end
  local fits = verdict.fits and cost <= limit
  if fits and times > 1 then
    local function again(units) return judge_log(log, state, limit, per_us, units) end
    local function charge(judged) charge_log(state, per_us, judged) end
    return '', take_times(cost, times, again, charge)
  end
  if fits and times == 1 then charge_log(state, per_us, verdict) end
  return plain_answer(cost, limit, fits, verdict.remaining, verdict.reset_us, verdict.retry_us)
end
