-- Judges one take of one key, and charges it if it is allowed: reads first, then writes or not.
-- KEYS  state    funnel: string; slidingLog: zset, as the fragments beside this file say
-- ARGV  kind     string   funnel or slidingLog
-- ARGV  limit    integer  most units at once
-- ARGV  pace_us  number   funnel: in which one unit leaks out; slidingLog: length of the window
-- ARGV  cost     integer
-- ARGV  peek     integer  1: answer and change nothing
-- REPLY allowed  remaining:integer reset_us:integer
-- REPLY refused  remaining:integer reset_us:integer retry_us:integer
-- REPLY never    remaining:integer reset_us:integer
-- REPLY corrupt
-- COST  O(log units); slidingLog also O(cost)
-- REPEAT unsafe  a take that ran would be charged twice
-- USE   clock limit/funnel limit/sliding-log
local verdict
if kind == 'funnel' then verdict = judge_funnel(state, limit, pace_us, cost)
else verdict = judge_log(state, limit, pace_us, cost) end
if not verdict then return { 'corrupt' } end
if cost > limit then return { 'never', verdict.remaining, verdict.reset_us } end
if not verdict.fits then
  return { 'refused', verdict.remaining, verdict.reset_us, verdict.retry_us }
end
if peek == 0 then
  -- Not a TTL: the server counts that from the start of the script, in whole milliseconds, so the
  -- state could go before its time. With an injected clock this is still the server's time.
  local time = redis.call('TIME')
  local until_ms = math.ceil((time[1] * 1000000 + time[2] + verdict.reset_us) / 1000)
  if kind == 'funnel' then charge_funnel(state, verdict, until_ms)
  else charge_log(state, pace_us, verdict, until_ms) end
end
return { 'allowed', verdict.remaining, verdict.reset_us }
