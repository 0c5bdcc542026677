-- Judges a take by a sliding counter, and charges it if it is allowed: reads first, then writes or not.
-- KEYS  state    as counter.lua says
-- ONCE  limit integer
-- ONCE  slices integer
-- ONCE  slice_us integer
-- ONCE  is_strict integer
-- ARGV  cost integer
-- ARGV  times integer  so many equal ones, one after the other; 0: answer as one and change nothing
-- REPLY judged   remaining:integer reset_us:integer retry_us:integer  0 for one that allows, -1 for never
-- REPLY several  runs:integers retry_us:integer  as times.lua says
-- REPLY corrupt
-- PLAIN judged
-- COST  O(slices)
-- REPEAT unsafe  a take that ran would be charged twice
-- USE   clock limit/until limit/slices limit/counter limit/times limit/plain
local verdict = judge_counter(state, limit, slice_us, slices, is_strict, cost)
if not verdict then return { 'corrupt' } end
local fits = verdict.fits and cost <= limit
if fits and times > 1 then
  local function again(units) return judge_counter(state, limit, slice_us, slices, is_strict, units) end
  local function charge(judged) charge_counter(state, judged) end
  local runs, wait_us = take_times(cost, times, again, charge)
  return { 'several', runs, wait_us }
end
if fits and times == 1 then charge_counter(state, verdict) end
return plain_answer(cost, limit, fits, verdict.remaining, verdict.reset_us, verdict.retry_us)
