-- Judges one take by a sliding log, and charges it if it is allowed: reads first, then writes or not.
-- KEYS  state    as sliding-log.lua says
-- ARGV  limit integer
-- ARGV  per_us integer
-- ARGV  cost integer
-- ARGV  peek integer  1: answer and change nothing
-- REPLY allowed  remaining:integer reset_us:integer
-- REPLY refused  remaining:integer reset_us:integer retry_us:integer
-- REPLY never    remaining:integer reset_us:integer
-- REPLY corrupt
-- COST  O(cost × log units)
-- REPEAT unsafe  a take that ran would be charged twice
-- USE   clock limit/sliding-log limit/until
local verdict = judge_log(state, limit, per_us, cost)
if not verdict then return { 'corrupt' } end
if cost > limit then return { 'never', verdict.remaining, verdict.reset_us } end
if not verdict.fits then
  return { 'refused', verdict.remaining, verdict.reset_us, verdict.retry_us }
end
if peek == 0 then charge_log(state, per_us, verdict, until_ms(verdict.reset_us)) end
return { 'allowed', verdict.remaining, verdict.reset_us }
