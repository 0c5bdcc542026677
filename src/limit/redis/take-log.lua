-- Judges a take by a short sliding log, and charges it if it is allowed: reads first, then writes or not.
-- KEYS  state    as log-set.lua says
-- ONCE  limit integer
-- ONCE  per_us integer
-- ARGV  cost integer
-- ARGV  times integer  so many equal ones, one after the other; 0: answer as one and change nothing
-- REPLY judged   remaining:integer reset_us:integer retry_us:integer  0 for one that allows, -1 for never
-- REPLY several  runs:integers retry_us:integer  as times.lua says
-- REPLY corrupt
-- PLAIN judged
-- COST  O(cost × log units)
-- REPEAT unsafe  a take that ran would be charged twice
-- USE   clock limit/until limit/log-set limit/sliding-log limit/times limit/plain limit/log-take
local answer, runs, wait_us = take_by_log(set_log, state, limit, per_us, cost, times)
if not answer then return { 'corrupt' } end
if runs then return { 'several', runs, wait_us } end
return answer
