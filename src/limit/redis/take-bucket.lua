-- Judges a take by a bucket that is refilled in steps, and charges it if it is allowed: reads first, then writes or not.
-- KEYS  state    as bucket.lua says
-- ONCE  capacity integer
-- ONCE  refill integer
-- ONCE  interval_us integer
-- ONCE  is_aligned integer
-- ARGV  cost integer
-- ARGV  times integer  so many equal ones, one after the other; 0: answer as one and change nothing
-- REPLY judged   remaining:integer reset_us:integer retry_us:integer  0 for one that allows, -1 for never
-- REPLY several  runs:integers retry_us:integer  as times.lua says
-- REPLY corrupt
-- PLAIN judged
-- COST  O(1)
-- REPEAT unsafe  a take that ran would be charged twice
-- USE   clock limit/until limit/bucket limit/times limit/plain
local verdict = judge_bucket(state, capacity, interval_us, refill, is_aligned, cost)
if not verdict then return { 'corrupt' } end
local fits = verdict.fits and cost <= capacity
if fits and times > 1 then
  local function again(units) return judge_bucket(state, capacity, interval_us, refill, is_aligned, units) end
  local function charge(judged) charge_bucket(state, judged) end
  local runs, wait_us = take_times(cost, times, again, charge)
  return { 'several', runs, wait_us }
end
if fits and times == 1 then charge_bucket(state, verdict) end
return plain_answer(cost, capacity, fits, verdict.remaining, verdict.reset_us, verdict.retry_us)
