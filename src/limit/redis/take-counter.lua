-- Judges one take by a sliding counter, and charges it if it is allowed: reads first, then writes or not.
-- KEYS  state    as counter.lua says
-- ARGV  limit integer
-- ARGV  slices integer
-- ARGV  slice_us integer
-- ARGV  is_strict integer
-- ARGV  cost integer
-- ARGV  peek integer  1: answer and change nothing
-- REPLY allowed  remaining:integer reset_us:integer
-- REPLY refused  remaining:integer reset_us:integer retry_us:integer
-- REPLY never    remaining:integer reset_us:integer
-- REPLY corrupt
-- COST  O(slices)
-- REPEAT unsafe  a take that ran would be charged twice
-- USE   clock limit/slices limit/counter limit/until
local verdict = judge_counter(state, limit, slice_us, slices, is_strict, cost)
if not verdict then return { 'corrupt' } end
if cost > limit then return { 'never', verdict.remaining, verdict.reset_us } end
if not verdict.fits then
  return { 'refused', verdict.remaining, verdict.reset_us, verdict.retry_us }
end
if peek == 0 then charge_counter(state, verdict, until_ms(verdict.reset_us)) end
return { 'allowed', verdict.remaining, verdict.reset_us }
