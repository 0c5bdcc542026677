-- Judges one take by a bucket that is refilled in steps, and charges it if it is allowed: reads first, then writes or not.
-- KEYS  state    as bucket.lua says
-- ARGV  capacity integer
-- ARGV  refill integer
-- ARGV  interval_us integer
-- ARGV  is_aligned integer
-- ARGV  cost integer
-- ARGV  peek integer  1: answer and change nothing
-- REPLY allowed  remaining:integer reset_us:integer
-- REPLY refused  remaining:integer reset_us:integer retry_us:integer
-- REPLY never    remaining:integer reset_us:integer
-- REPLY corrupt
-- COST  O(1)
-- REPEAT unsafe  a take that ran would be charged twice
-- USE   clock limit/bucket limit/until
local verdict = judge_bucket(state, capacity, interval_us, refill, is_aligned, cost)
if not verdict then return { 'corrupt' } end
if cost > capacity then return { 'never', verdict.remaining, verdict.reset_us } end
if not verdict.fits then
  return { 'refused', verdict.remaining, verdict.reset_us, verdict.retry_us }
end
if peek == 0 then charge_bucket(state, verdict, until_ms(verdict.reset_us)) end
return { 'allowed', verdict.remaining, verdict.reset_us }
